"""How the process gets the memory of big blobs, which come and go at each iteration of a net.

glibc asks the system for each of them anew, and the system clears every page in between: a third of the time of a big
net, and more on a virtual machine that gives free pages back to its host. So what has been freed is held back for the
next pass. Huge pages make the passes of a net that is not trained a little quicker; to train would take a quarter more
memory with them. What is computed cannot change.
"""
import ctypes
import os
from pathlib import Path

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # glibc's malloc.h
_CHOSEN_BY_THE_USER = "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"
_BIG = 4 << 20  # bytes: two huge pages

_trains, _huge = False, None  # whether there are huge pages is known once PyTorch has made a tensor


def set_up(training):
    """Do so from now on, where the C library is glibc, and unless its own environment variables say otherwise.

    To be called before PyTorch makes its first tensor. Where a net that is not trained came first, and huge pages with
    it, big blobs are held back no more once one is trained.
    """
    global _trains, _huge
    if any(name in os.environ for name in _CHOSEN_BY_THE_USER):
        return
    _trains = training or _trains
    if _huge is None:
        _huge = not training and _huge_pages()
        os.environ["THP_MEM_ALLOC_ENABLE"] = "01"[_huge]  # PyTorch's, and read when it first allocates
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_TRIM_THRESHOLD, -1)  # however much is free
        if _huge:
            libc.mallopt(_MMAP_THRESHOLD, _BIG)
        libc.mallopt(_MMAP_MAX, 65536 if _trains and _huge else 0)  # 65536 is glibc's own
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
