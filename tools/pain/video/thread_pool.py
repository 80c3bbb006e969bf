"""Frames in batches, computed by a pool of threads, in order."""
import concurrent.futures
import contextlib
import os
from collections import deque

from pain.faces.detector import BATCH

PIXELS, WAITING = 16e6, 100e6  # of the frames of a batch, and of all batches under way, at the most
CORES = os.cpu_count() or 1
WORKERS = min(CORES, 4)


def batches(things, frame_of, live=False):
    """The things in lists of BATCH, or fewer where their frames are large; of one when `live`."""
    batch = []
    for thing in things:
        batch.append(thing)
        if live or len(batch) == BATCH or len(batch) * pixels(frame_of(thing)) >= PIXELS:
            yield batch
            batch = []
    if batch:
        yield batch


def pixels(frame):
    """How many a frame has."""
    return frame.image.size // 3


@contextlib.contextmanager
def threads(count, initializer=None):
    """A pool of so many threads. When the block is left early, they are not waited for."""
    pool = concurrent.futures.ThreadPoolExecutor(count, initializer=initializer)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


@contextlib.contextmanager
def workers(shared=None):
    """A pool of WORKERS threads, in which PyTorch, if it is what computes, has its share of the cores; or a shared one.
    """
    if shared is not None:
        yield shared
        return

    def share():
        with contextlib.suppress(ImportError):
            import torch
            torch.set_num_threads(CORES // WORKERS)
    with threads(WORKERS, share) as pool:
        yield pool


def in_order(pool, function, things, frame_of, live=False):
    """Yield function(batch) of each of batches(), in order, while the pool works on the next ones, if not `live`."""
    pending = deque()  # (future, pixels)
    try:
        for batch in batches(things, frame_of, live):
            pending.append((pool.submit(function, batch), sum(pixels(frame_of(thing)) for thing in batch)))
            while len(pending) > (0 if live else WORKERS) or sum(size for _, size in pending) > WAITING:
                yield pending.popleft()[0].result()
        while pending:
            yield pending.popleft()[0].result()
    finally:
        for future, _ in pending:
            future.cancel()
