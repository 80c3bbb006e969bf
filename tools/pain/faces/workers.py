"""Processes with a face detector each, that work through a list of tasks."""
from __future__ import annotations

import concurrent.futures
import importlib.util
import os
import sys
from typing import Any, Callable, Iterator, Sequence

from pain.errors import Problem
from pain.faces.detector import MIN_FACE, FaceDetector
from pain.processes import workers


def start_worker(threads, min_face):
    """Prepare a worker process: a detector of its own, using `threads` cores."""
    global worker_detector
    worker_detector = FaceDetector(threads, min_face)


def work(function, task):
    """What a worker process does."""
    return function(worker_detector, *task)


def in_workers(function: Callable, tasks: Sequence[tuple], jobs: int,
               min_face: float = MIN_FACE) -> Iterator[tuple[int, Any]]:
    """Yield (i, function(a FaceDetector, *tasks[i])) in the order in which `jobs` processes get them done.

    Raises Problem when this Python has no MTCNN, and as workers() does.
    """
    if not tasks:
        return
    if importlib.util.find_spec("mtcnn") is None:
        raise Problem("%s: has no package mtcnn, with which faces are found; take another Python for this step"
                      % sys.executable)
    jobs = min(jobs, len(tasks))
    with workers(jobs, start_worker, (max(1, os.cpu_count() // jobs), min_face), "spawn") as pool:
        futures = {pool.submit(work, function, task): i for i, task in enumerate(tasks)}
        for future in concurrent.futures.as_completed(futures):
            yield futures[future], future.result()
