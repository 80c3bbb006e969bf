"""How the process gets the memory of big blobs, which come and go at each iteration of a net.

glibc asks the system for each of them anew, and the system clears every page in between: a third of the time of a big
net. With huge pages that is quicker, and memory that is free for a moment is free for all. Where the system has none,
and where nothing is trained, what has been freed is held back for the next pass: quicker still, but odd-sized leftovers
add up, to a third of the peak. What is computed cannot change.
"""
import ctypes
import os
from pathlib import Path

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # glibc's malloc.h
_CHOSEN_BY_THE_USER = "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"
_BIG = 4 << 20  # bytes: two huge pages

_trains = False


def set_up(training):
    """Do so from now on, where the C library is glibc, and unless its own environment variables say otherwise.

    To be called before PyTorch makes its first tensor. Once something is trained, it is as training needs it.
    """
    global _trains
    if any(name in os.environ for name in _CHOSEN_BY_THE_USER):
        return
    _trains = training = training or _trains
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        if _huge_pages():
            os.environ["THP_MEM_ALLOC_ENABLE"] = "1"  # PyTorch's, and read when it first allocates
            libc.mallopt(_MMAP_THRESHOLD, _BIG)
        libc.mallopt(_MMAP_MAX, 65536 if training and _huge_pages() else 0)  # 65536 is glibc's own
    except (OSError, AttributeError):  # another system, or another C library
        pass


def trim():
    """Give the system back what is free, after something unusual has come and gone."""
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):
        pass


def _huge_pages():
    """Whether the system gives huge pages to those who ask."""
    try:
        return "[never]" not in Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text()
    except OSError:
        return False
