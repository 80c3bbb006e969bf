"""The small things of pycaffe: logging, timing, what layers there are."""
from __future__ import annotations

import os
import time

from caffe.context import synchronize
from caffe.layer import TABLE


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
