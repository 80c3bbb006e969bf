"""Folders among the temporary files that do not outlive who made them for long, however that ended."""
from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Iterator

from pain.locks import locked

LOCK = ".pain-lock"  # in each; what has none is not ours, whatever its name
POSIX = os.name == "posix"  # with locks


@contextlib.contextmanager
def temporary_folder(kind: str) -> Iterator[Path]:
    """Give a new folder, pain-<kind>-*, for this user's eyes only. Raises OSError if there can be none.

    It is removed at the end; after kill -9 or a power cut by who makes the next, and sees that nobody has it locked.
    """
    remove_orphans(kind)
    folder = Path(tempfile.mkdtemp(prefix=".pain-%s-" % kind))
    with contextlib.ExitStack() as ending:
        with contextlib.suppress(OSError):  # where there are no locks nobody looks for orphans either
            ending.callback(os.close, locked(folder / LOCK))
        folder = folder.rename(folder.with_name(folder.name[1:]))  # now that it is locked others may look at it
        ending.callback(remove, folder)
        yield folder


def remove_orphans(kind: str) -> None:
    """Remove the temporary folders of this kind, and of this user, whose makers are no more."""
    for lock_file in Path(tempfile.gettempdir()).glob("pain-%s-*/%s" % (kind, LOCK)) if POSIX else ():
        folder = lock_file.parent
        with contextlib.suppress(OSError):  # another user's, or somebody else is removing it
            lock = locked(lock_file) if folder.lstat().st_uid == os.getuid() else None
            if lock is not None:
                remove(folder)
                os.close(lock)


def remove(folder: Path) -> None:
    """Remove such a folder, its lock last: what cannot be finished here is finished by the next who makes one."""
    for path in folder.glob("*"):
        if path.name != LOCK:
            shutil.rmtree(str(path), ignore_errors=True)
            with contextlib.suppress(OSError):  # a file
                path.unlink()
    shutil.rmtree(str(folder), ignore_errors=True)
