"""Frames in batches, computed by a pool of threads, in order."""
import concurrent.futures
import contextlib
import os
from collections import deque

from pain.faces.detector import BATCH

PIXELS = 16e6  # of the frames of a batch, at the most
CORES = os.cpu_count() or 1
WORKERS = min(CORES, 4)


def batches(things, frame_of, live=False):
    """The things in lists of BATCH, or fewer where their frames are large; of one when `live`."""
    batch = []
    for thing in things:
        batch.append(thing)
        if live or len(batch) == BATCH or len(batch) * frame_of(thing).image.size / 3 >= PIXELS:
            yield batch
            batch = []
    if batch:
        yield batch


@contextlib.contextmanager
def workers():
    """A pool of WORKERS threads, in which PyTorch, if it is what computes, has its share of the cores."""
    def share():
        with contextlib.suppress(ImportError):
            import torch
            torch.set_num_threads(CORES // WORKERS)
    with concurrent.futures.ThreadPoolExecutor(WORKERS, initializer=share) as pool:
        yield pool


def in_order(pool, function, things, ahead):
    """Yield function(thing) of each thing, in order, while the pool works on the next `ahead` ones."""
    pending = deque()
    try:
        for thing in things:
            pending.append(pool.submit(function, thing))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()
