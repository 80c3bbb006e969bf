"""The small things of pycaffe: logging, timing, what layers there are, and how many solvers train together (one)."""
from __future__ import annotations

import os
import time

from caffe.context import synchronize
from caffe.errors import CaffeError
from caffe.layer import TABLE

_solvers = {"count": 1, "rank": 0, "multiprocess": False}


def init_log(level: int = 0, stderr: bool = False) -> None:
    """Log what is of this level or above: 0 info, 1 warning, 2 error, 3 fatal. The log is on stderr always."""
    os.environ["GLOG_minloglevel"] = str(level)


def layer_type_list() -> list[str]:
    """The types that a layer of a net may have."""
    return sorted(TABLE)


class Timer:
    """A stopwatch: start(), stop(), and the milliseconds between, `ms`. Both wait for what the GPU is at."""

    def __init__(self):
        self._started = self._stopped = 0.

    def start(self) -> None:
        synchronize()
        self._started = time.perf_counter()

    def stop(self) -> None:
        synchronize()
        self._stopped = time.perf_counter()

    @property
    def ms(self) -> float:
        return (self._stopped - self._started) * 1000


# BVLC's scripts for several GPUs ask for these. Here one process trains on one device.

def has_nccl() -> bool:
    """Whether several GPUs can train together: no."""
    return False


class NCCL:
    """Raises CaffeError: one process trains on one device."""

    def __init__(self, solver: object, uid: object):
        raise CaffeError("training on several GPUs is not supported; train on one")


def solver_count() -> int:
    return _solvers["count"]


def set_solver_count(count: int) -> None:
    _solvers["count"] = int(count)


def solver_rank() -> int:
    return _solvers["rank"]


def set_solver_rank(rank: int) -> None:
    _solvers["rank"] = int(rank)


def set_multiprocess(multiprocess: bool) -> None:
    _solvers["multiprocess"] = bool(multiprocess)
