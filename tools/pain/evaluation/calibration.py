"""What observers say of frames with a prediction like this one: 90 % intervals, from a leave-one-subject-out run.

The frames like a prediction are those predicted within half of diagnosis.BIN of it, and more, the nearest ones first,
until there are FEWEST. The interval is the shortest one, from a label to a label, that holds 90 % of theirs or more; of
several the one that holds most. Where a higher prediction would give a lower bound than a lower one, the wider of the
two holds for both; between the points of a grid, STEP apart, bounds are interpolated.

Frames weigh so that subjects weigh alike, one over the number of the subject's frames: the interval is for a subject
nobody has seen, and one who was filmed for longer is no more like that one than the others are. A label that is no
integer counts as its class.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pain.datasets.pspi import CLASSES, class_of
from pain.errors import Problem
from pain.evaluation.diagnosis import BIN
from pain.evaluation.results import read_results

if TYPE_CHECKING:
    from pathlib import Path

LEVEL, STEP = 0.90, 0.1
FEWEST = 100  # frames like a prediction
ENOUGH = 5 * FEWEST, 3  # frames and subjects of a result
GRID = np.linspace(0, CLASSES - 1, round((CLASSES - 1) / STEP) + 1)  # (G,) predictions


class Calibration:
    """Intervals from the result `path`, a predictions.csv, a folder tree of them, or the authors' .mat file.

    Raises Problem when it has too few frames or subjects.
    """

    def __init__(self, path: str | Path):
        result, = read_results([path])
        self.subject = np.concatenate([[video.subject] * len(video.label) for video in result.videos])
        self.label = class_of(np.concatenate([video.label for video in result.videos]))
        self.prediction = np.clip(np.concatenate([video.prediction for video in result.videos]), 0, CLASSES - 1)
        self.frames, self.subjects = len(self.label), len(set(self.subject))
        if self.frames < ENOUGH[0] or self.subjects < ENOUGH[1]:
            raise Problem("%s: %d frames of %d subjects are too few to say how sure a prediction is; take a result of "
                          "at least %d frames and %d subjects" % (path, self.frames, self.subjects, *ENOUGH))
        self.low, self.high = intervals(self.subject, self.label, self.prediction)

    def bounds(self, intensity: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """Between which values the labels lie at such intensities, (N,) each; NaN where they are NaN."""
        return np.interp(intensity, GRID, self.low), np.interp(intensity, GRID, self.high)

    def coverage(self) -> dict[str, float]:
        """The share of each subject's labels within the intervals made from the others' frames, {subject: float}."""
        shares = {}
        for subject in dict.fromkeys(self.subject):
            mine = self.subject == subject
            ends = intervals(self.subject[~mine], self.label[~mine], self.prediction[~mine])
            low, high = (np.interp(self.prediction[mine], GRID, end) for end in ends)
            shares[subject] = float(((low <= self.label[mine]) & (self.label[mine] <= high)).mean())
        return shares

    def check(self) -> str:
        """What coverage() says, in one line; subjects weigh alike."""
        shares = 100 * np.array(list(self.coverage().values()))
        return ("%.0f %% intervals held %.1f %% of the frames of subjects they were not made from (%.1f..%.1f over %d "
                "subjects)" % (100 * LEVEL, shares.mean(), shares.min(), shares.max(), len(shares)))


def intervals(subject: np.ndarray, label: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lower and the upper bounds at GRID, (G,) each, of frames (N,): their subjects, labels and predictions."""
    _, subject, frames = np.unique(subject, return_inverse=True, return_counts=True)
    weight, ends = 1 / frames[subject], []
    for like in GRID:
        distance = np.abs(prediction - like)
        some = distance <= max(BIN / 2, np.sort(distance)[:FEWEST][-1])
        ends.append(shortest(np.bincount(label[some], weight[some], CLASSES)))
    low, high = np.transpose(ends).astype(float)
    return np.minimum.accumulate(low[::-1])[::-1], np.maximum.accumulate(high)


def shortest(weight: np.ndarray) -> tuple[int, int]:
    """The shortest interval of labels with LEVEL of their `weight`, (labels,), and of those the heaviest: low, high."""
    held = [(low - high, weight[low:high + 1].sum(), low, high)
            for low in range(len(weight)) for high in range(low, len(weight))]
    return max(one for one in held if one[1] >= LEVEL * weight.sum() * (1 - 1e-9))[2:]
