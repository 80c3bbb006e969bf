"""The ranks of `caffe train` on one machine: the first is the command itself, the others are children that it starts.

Whichever ends before its time ends all, and the last line of the first's log says why.
"""
import ctypes
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import torch

from caffe import log, ranks
from caffe.program import ABORTED

_SAYS = "CAFFE_RANK"  # in a child's environment: its rank, the uid by which it finds the others, and whose child it is
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux's prctl: what a child is sent when its parent has ended
_QUIETLY = "-minloglevel=2", "-log_dir="  # a child says what goes wrong with it; the first says all else
GRACE = 10  # seconds in which the first says which rank has ended, and ends all
_LINE = re.compile(r"([EF])\d{4} [^]]*] (.*)")


def be_rank_of(count):
    """Have this process be one of so many ranks. Returns the uid that a child has been given, None in the first."""
    rank, uid, parent = os.environ.pop(_SAYS, "0 - -").split()
    ranks.set_solver_rank(int(rank))
    ranks.set_solver_count(count)
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, torch.get_num_threads() // count))
    if rank == "0":
        return None
    for name in "SIGINT", "SIGHUP":  # the first hears of them, too, and decides for all
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != int(parent):
            sys.exit(ABORTED)
    return uid


class Others:
    """The ranks 1 to count - 1, which run the same command line. At the end of a `with` they end.

    If one ends earlier, so does this process: with its reason, and status 134.
    """

    def __init__(self, count):
        self.uid, self._over, self._saying = ranks.NCCL.new_uid(), False, threading.Lock()
        self._processes = [self._start(rank) for rank in range(1, count)]
        self._watches = [threading.Thread(target=self._watch, args=each, daemon=True)
                         for each in enumerate(self._processes, 1)]
        for watch in self._watches:
            watch.start()

    def _start(self, rank):
        path = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
        return subprocess.Popen(
            [sys.executable, "-m", "caffe", *sys.argv[1:], *_QUIETLY], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8", errors="replace",
            env={**os.environ, "PYTHONPATH": path, "GLOG_log_dir": "",
                 _SAYS: "%d %s %d" % (rank, self.uid, os.getpid())})

    def _watch(self, rank, process):
        """Pass on what the rank says, and end this process if the rank ends."""
        reason = ""
        for line in process.stderr:
            logged = _LINE.fullmatch(line.rstrip())
            if logged and logged[1] == "F":
                reason = logged[2]
            else:
                log.error("rank %d: %s" % (rank, logged[2] if logged else line.rstrip()))
        status = process.wait()
        with self._saying:  # the first that ends; the others end because of it
            if status and not self._over:
                self._end()
                log.fatal("rank %d: %s" % (rank, reason or (
                    "it ended with status %d" if status > 0 else
                    "it was ended by signal %d; go on with -snapshot from the last one") % abs(status)))
                os._exit(ABORTED)

    def _end(self):
        self._over = True
        for process in self._processes:
            process.kill()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None or issubclass(kind, ranks.OtherRankEnded):
            for watch in self._watches:
                watch.join()
        self._end()
