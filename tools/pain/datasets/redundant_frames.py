"""Which frames of a subject are trained on: long stretches of equal labels are thinned."""
from __future__ import annotations

import numpy as np


def keep_code(labels: np.ndarray) -> np.ndarray:
    """The authors' code's rule: of every window of 5 equal consecutive labels the first frame, of the rest all."""
    keep, run_length = np.ones(len(labels), bool), 0
    for i, label in enumerate(labels):
        run_length = run_length + 1 if i and label == labels[i - 1] else 1
        if run_length % 5 == 0:
            keep[i - 3:i + 1] = False
    return keep


def keep_paper(labels: np.ndarray) -> np.ndarray:
    """The paper's words (section 3.3): of a run of more than 5 equal labels the first frame, of shorter runs all."""
    starts = np.flatnonzero(np.diff(labels, prepend=-1))
    keep = np.ones(len(labels), bool)
    for start, end in zip(starts, np.append(starts[1:], len(labels))):
        if end - start > 5:
            keep[start + 1:end] = False
    return keep


# Each takes the labels of one video, (N,) integers, and gives the frames to keep for training, (N,) booleans.
RULES = {"code": keep_code, "paper": keep_paper, "none": lambda labels: np.ones(len(labels), bool)}
