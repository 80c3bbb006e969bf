"""Which of a video's frames are scored: all, or a reduction by which others were scored.

    all     every frame: the paper's rows
    osvr    what OSVR's authors scored (Zhao et al., CVPR 2016): long stretches of equal labels are thinned. The rule
            was read off their published labels of one subject, 042-ll042, and fits all of its 304 frames; for others
            it is our extrapolation. How many frames of a stretch remain is known, which of them is not
    code    what the code of this paper's authors keeps for training

A reduction changes what an MAE means: on UNBC-McMaster all zeros has 0.438 on all frames, and 0.773 on OSVR's.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pain.datasets.pspi import MAX_PSPI, class_of, quantise
from pain.datasets.redundant_frames import keep_code
from pain.errors import Problem
from pain.evaluation.frames import take
from pain.evaluation.side_by_side import sort

if TYPE_CHECKING:
    from pain.evaluation.frames import Result

EVERY = 5  # of a long stretch, OSVR keeps one frame in so many


def keep_osvr(labels: np.ndarray) -> np.ndarray:
    """The frames of a video that OSVR scores. labels: (N,) int, 0..5. Returns (N,) bool.

    Of n equal labels with pain all remain if n < 5, else every fifth from the first; so they do in a video without
    pain. In others, of zeros before and after all pain one frame remains, the outermost, and of zeros between two.
    """
    keep = np.zeros(len(labels), bool)
    starts = np.flatnonzero(np.diff(labels, prepend=-1))
    for start, end in zip(starts, np.append(starts[1:], len(labels))):
        if labels[start] == 0 and labels.any():
            keep[[index for index in (start, end - 1) if index in (0, len(labels) - 1)] or [start, end - 1]] = True
        elif end - start < EVERY and labels[start]:
            keep[start:end] = True
        else:
            keep[start:end:EVERY] = True
    return keep


# {name: (what it is called, what takes the labels of a video, (N,) int, 0..5, and says which are scored, (N,) bool)}
FRAME_SETS = {"all": ("all frames", None), "osvr": ("OSVR's frames", keep_osvr),
              "code": ("the frames that the authors' code trains on", keep_code)}


def with_frames(result: Result, frames: str, top: int) -> Result:
    """`result` with the frames of a set, a key of FRAME_SETS, alone. top: its highest label.

    Labels are thinned by their classes, PSPI by its quantised ones, so that both scales have the same frames. Raises
    Problem where the result's videos are unknown, for a stretch ends where its video does.
    """
    _, keep = FRAME_SETS[frames]
    if keep is None:
        return result
    if result.no_videos:
        raise Problem("--frames %s: %s" % (frames, result.no_videos))
    return result._replace(videos=[
        take(video, np.flatnonzero(keep(class_of(video.label) if top < MAX_PSPI else quantise(video.label))))
        for video in sort(result).videos])
