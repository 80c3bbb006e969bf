"""What nets need of their process when it forks, and when it ends.

A forked child has no thread but the one that forked. All others are halted before (turns.py), threads that read ahead
finish what they are at, and OpenMP's end. In the child, what read ahead gets new threads, and PyTorch computes in one:
with more, its pools' destructors would crash the child or hang as it ends.
"""
import atexit
import ctypes
import functools
import os
import weakref
from pathlib import Path

import torch

from caffe import turns

with_threads = weakref.WeakSet()  # objects with wait(), until their threads have nothing to do, and renew_threads()
_SOFT = 1  # omp_pause_resource_t


@functools.cache
def set_up():
    """From now on have forked children compute, and the program end in peace while daemon threads do."""
    atexit.register(turns.halt)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before_fork, after_in_parent=turns.go_on, after_in_child=_in_child)


def _before_fork():
    turns.halt()
    for each in list(with_threads):
        each.wait()
    if _end_of_openmp():
        _end_of_openmp()(_SOFT)


def _in_child():
    turns.forget_other_threads()
    for each in list(with_threads):
        each.renew_threads()
    torch.set_num_threads(1)


@functools.cache
def _end_of_openmp():
    """The function that ends a thread's team of OpenMP's, which comes again when it is needed; None: there is none."""
    try:
        return ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so")).omp_pause_resource_all
    except (OSError, AttributeError):
        return None
