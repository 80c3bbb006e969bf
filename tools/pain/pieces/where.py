"""Where pieces are done: what all places have in common, and this machine."""
from __future__ import annotations

import concurrent.futures
import os
import sys
from typing import Callable, Sequence

from pain.command import ToldToEnd
from pain.errors import Problem, Unfinished, one_line
from pain.pieces.piece import PROCESS, PROGRAM, THREAD, Children, Means, Piece
from pain.processes import workers
from pain.progress import progress, write

PATIENCE, A_DAY = 8, 86400  # seconds to put away work: when someone has told us to end, who will soon end us; at Ctrl-C


def patience(error: BaseException) -> float:
    """How long to wait for pieces that are stopped because of `error`, in seconds."""
    return PATIENCE if isinstance(error, ToldToEnd) else A_DAY


class Where:
    """A place where pieces are done."""

    def see_through(self, pieces: Sequence[Piece], title: str) -> None:
        """try_all(). Raises the Problem or OSError of a piece that is the only one, and else, when a line was printed
        to stderr on each that has failed, Unfinished.
        """
        failed = self.try_all(pieces, title)
        if failed and len(pieces) == 1:
            raise failed[pieces[0]]
        for piece, error in failed.items():
            print("%s: %s" % (piece.name, one_line(message(error))), file=sys.stderr)
        if failed:
            raise Unfinished("%d of %d failed, see above%s" % (
                len(failed), len(pieces), "; the others are done" * (len(failed) < len(pieces))))

    def try_all(self, pieces: Sequence[Piece], title: str) -> dict[Piece, Exception]:
        """Do all of the pieces, which are of one kind, with one bar called `title`. One that fails does not stop the
        others. Returns the Problem or OSError of each that has.
        """
        failed, todo, done = {}, [], 0
        for piece in pieces:
            with noting(failed, piece):
                so_far = self.prepare(piece)
                done += so_far
                todo += [piece] * (so_far < piece.length)
        with progress(total=sum(piece.length for piece in pieces), initial=done,
                      unit=pieces[0].unit if pieces else "piece", desc=title) as bar:
            if todo:
                self.work(todo, bar.update, failed)
        return failed

    def prepare(self, piece: Piece) -> int:
        """Make a piece ready. As Piece.prepare()."""
        return piece.prepare()

    def work(self, pieces: Sequence[Piece], update: Callable[[int], None], failed: dict) -> None:
        """Do the pieces, at least one. failed: {piece: Exception}, to be filled with those of what a user can mend."""
        raise NotImplementedError

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class noting:
    """A `with` that puts what a user can mend into failed, {piece: Exception}."""

    def __init__(self, failed, piece):
        self.failed, self.piece = failed, piece

    def __enter__(self):
        pass

    def __exit__(self, kind, error, _):
        if isinstance(error, (Problem, OSError)) and not isinstance(error, BrokenPipeError):
            self.failed[self.piece] = error
            return True
        return False


def message(error):
    """What an exception of noting() says."""
    return "%s: %s" % (error.filename, error.strerror) if isinstance(error, OSError) and error.filename else error


class Here(Where):
    """This machine: `jobs` pieces at a time, each with its share of the cores, or of those that take all one.

    cores: how many of the machine's to use, all by default; say: as Means has it
    """

    def __init__(self, jobs: int = 1, cores: int | None = None, say: Callable[[str], None] = write):
        self.jobs, self.cores, self.say = jobs, cores or os.cpu_count(), say

    def work(self, pieces, update, failed):
        how = pieces[0].how
        jobs = min(pieces[0].at_a_time or self.jobs, len(pieces)) if how in (PROGRAM, PROCESS, THREAD) else 1
        means = Means(max(1, self.cores // jobs), update, self.say, Children())
        if how in (PROGRAM, THREAD):
            in_threads(pieces, jobs, means, failed)
        elif how == PROCESS:
            in_processes(pieces, jobs, means, failed)
        else:
            for piece in pieces:
                with noting(failed, piece):
                    piece.run(means)


def in_threads(pieces, jobs, means, failed):
    """Do pieces whose programs run in processes of their own, or that share what they compute with."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures = {}
        try:
            futures.update((pool.submit(piece.run, means), piece) for piece in pieces)
            for future in concurrent.futures.as_completed(futures):
                with noting(failed, futures[future]):
                    future.result()
        except BaseException as error:
            for future in futures:
                future.cancel()
            means.children.stop(patience(error))
            raise


def in_processes(pieces, jobs, means, failed):
    """Do pieces in worker processes. They keep nothing but whole files, and are killed when this ends."""
    with workers(jobs, pieces[0].start, (means.threads,), pieces[0].method) as pool:
        futures = {pool.submit(run_apart, piece, means.threads): piece for piece in pieces}
        for future in concurrent.futures.as_completed(futures):
            with noting(failed, futures[future]):
                means.update(future.result())


def run_apart(piece, threads):
    """What a worker process does. Returns how many units were done."""
    done = []
    piece.run(Means(threads, done.append, write, Children()))
    return sum(done)
