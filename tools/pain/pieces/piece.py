"""A piece of work: named, known to be done by its files, and gone on with from these on whatever machine sees them."""
from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import Callable, NamedTuple, Sequence

from pain.processes import signal_all

# How one is done: it waits for a program; it computes in a process of its own; in a thread, beside others with which it
# shares what they compute with; or alone, with all cores.
PROGRAM, PROCESS, THREAD, WHOLE = "program", "process", "thread", "whole"


class Children(set):
    """The running programs of pieces. Once stopped, also those that start later are asked to stop; pieces that have
    none look whether they are.
    """

    stopped = False

    def add(self, process):
        super().add(process)
        if self.stopped:
            signal_all(process, signal.SIGINT)

    def stop(self, patience):
        """Let every program put away what it has. After `patience` seconds, or at another Ctrl-C, all are ended."""
        self.stopped = True
        running, deadline = list(self), time.monotonic() + patience
        try:
            for process in running:
                signal_all(process, signal.SIGINT)
            for process in running:
                process.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            pass
        finally:
            for process in list(self):
                signal_all(process, signal.SIGKILL)


class Means(NamedTuple):
    """What a piece is given to work with."""

    threads: int  # cores that it may use
    update: Callable[[int], None]  # to be called with how many units more are done
    say: Callable[[str], None]  # to be called with lines for whoever has started the command
    children: Children  # where its programs are to be as long as they run


class Piece:
    """A piece of work. It can be pickled, and paths that are relative are so to the folder the command is run in.

    name: unlike all others'; inputs: paths that have to be there; outputs: paths that are there when it is done;
    length: how much it is, in `unit`; gpu: the GPU's number, None for the CPU. It has as many cores as its place has
    for it.
    """

    unit = "piece"
    how = WHOLE
    at_a_time = None  # how many are done at a time in THREADs
    method = None  # multiprocessing's, by which a process is started for pieces that are computed in one

    def __init__(self, name: str, inputs: Sequence[Path], outputs: Sequence[Path], length: int = 1,
                 gpu: int | None = None):
        self.name, self.inputs, self.outputs = name, list(inputs), list(outputs)
        self.length, self.gpu = length, gpu

    @classmethod
    def start(cls, threads: int) -> None:
        """Make a process ready that has been started for such pieces. threads: cores that it may use."""

    def memory(self) -> int:
        """Bytes that it takes, about; 0 if that is not known."""
        return 0

    def done(self) -> int:
        """How much of it is done, in `unit`, by its files."""
        return self.length if all(Path(path).exists() for path in self.outputs) else 0

    def prepare(self) -> int:
        """Make ready for run(), before any piece is run. Returns done(). Raises Problem where it cannot be."""
        return self.done()

    def run(self, means: Means) -> None:
        """Go on from where its files say it is, to the end. Raises Problem; interrupted, it keeps what it has."""
        raise NotImplementedError
