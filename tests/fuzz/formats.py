"""What a format is to the fuzzer: a whole file, how it is damaged, and the command that reads it."""
from pathlib import Path
from typing import Callable, NamedTuple, Optional, Sequence

from fuzz.mutants import of_bytes


class Format(NamedTuple):
    """A kind of file, or of anything else that comes as bytes."""

    name: str
    make: Callable[[Path], Path]  # fills a folder with all that the command needs; returns the file to be damaged
    main: Callable[[], None]  # the command's; it runs in that folder, with `arguments` as its command line
    arguments: Sequence[str] = ()
    mutant: Callable = of_bytes  # (bytes, RandomState) -> bytes
    check: Optional[Callable[[Path, str], Optional[str]]] = None  # (folder, stdout) -> what is nonsense, or None
    done: Sequence[int] = (0,)  # the statuses of a command that went well
    refused: Sequence[int] = (2,)  # and of one that refused, with a line on stderr; with 1, with several
    log: bool = False  # whether stderr is Caffe's log, in which a line with F says what is wrong
    seconds: int = 20  # that the command may compute
