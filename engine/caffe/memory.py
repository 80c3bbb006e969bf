"""Keeps freed memory in the process, for the next iteration needs it again.

A net's big blobs come and go at each iteration. glibc asks the system for each of them anew and gives it back, and the
system clears every page in between: a third of the time of a big net. Held back, the memory is there at once. What is
computed cannot change, and the peak is the same; a process only does not shrink before it ends.
"""
import ctypes
import os

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # glibc's malloc.h
_CHOSEN_BY_THE_USER = "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"


def hold():
    """Do so from now on, where the C library is glibc, and unless its own environment variables say otherwise."""
    if any(name in os.environ for name in _CHOSEN_BY_THE_USER):
        return
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_MMAP_MAX, 0)
        libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    except (OSError, AttributeError):  # another system, or another C library
        pass
