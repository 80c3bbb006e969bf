"""Labels and predictions of a video's frames, checked row by row."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple, Sequence

import numpy as np

from pain.errors import Problem

LARGEST = np.finfo(np.float32).max  # Caffe predicts in float32; far beyond it, squares overflow


class Video(NamedTuple):
    """The N frames of a video, or of a subject whose videos are not known."""

    subject: str
    video: str | None  # None where videos are not known
    frames: np.ndarray  # (N,) str
    label: np.ndarray  # (N,) float64; the mean of several raters, say, is no integer
    prediction: np.ndarray  # (N,) float64
    place: str  # where the frames stand: a text like "a.csv: line %d"
    rows: np.ndarray  # (N,) int: the numbers to put into it


class Result(NamedTuple):
    """The labels and predictions of all frames that were predicted."""

    name: str
    path: str | Path  # what to call it in an error
    videos: list[Video]
    named: bool  # whether subjects and videos have names, or only numbers
    no_videos: str | None = None  # why videos are whole subjects, or None


def runs(values: Sequence) -> dict[Any, np.ndarray]:
    """Where each of `values`, N of anything, stands: {value: (n,) int}. Quick where equal ones stand together."""
    ends = [i for i in range(1, len(values)) if values[i] != values[i - 1]] + [len(values)]
    groups, start = {}, 0
    for end in ends:
        groups.setdefault(values[start], []).append(np.arange(start, end))
        start = end
    return {value: np.concatenate(parts) for value, parts in groups.items()}


def from_one(label: np.ndarray, top: int) -> str:
    """What there is to say of labels (N,) that should be 0..`top`, but may have been counted from 1; else ""."""
    label = label[~np.isnan(label)]
    if len(label) == 0 or label.min() != 1:
        return ""
    if label.max() == top + 1:
        return "labels 1..%d and none that is 0 look as if counted from 1; take 1 off each" % (top + 1)
    return "no label is 0; if they are counted from 1, take 1 off each"


def check(label: np.ndarray, prediction: np.ndarray, place: str, rows: np.ndarray,
          top: int) -> tuple[np.ndarray, np.ndarray]:
    """The labels and predictions, (N,) float64. Raises Problem naming the places of those that are out of range."""
    remedy = from_one(label, top) if (label == top + 1).any() else ""
    refuse(~((0 <= label) & (label <= top)), place, rows, "the label is not a number 0..%d" % top, remedy)
    refuse(~(np.abs(prediction) <= LARGEST), place, rows, "the prediction is not a finite number")  # NaN neither
    return label, prediction


def refuse(wrong: np.ndarray, place: str, rows: np.ndarray, what: str, remedy: str = "") -> None:
    """Raise Problem saying `what` of the places that are `wrong`, (N,) bool."""
    if wrong.any():
        raise Problem("%s: %s; %s" % (places(place, rows[wrong]), what, remedy or "correct it"))


def places(place: str, rows: Sequence[int] | np.ndarray, most: int = 3) -> str:
    """What to call the rows of a file: `a.csv: line 5`, or `a.csv: lines 5, 6, 7 and 12 more`."""
    if len(rows) == 1:
        return place % rows[0]
    more = " and %d more" % (len(rows) - most) if len(rows) > most else ""
    return place.replace("%d", "%s").replace(" line ", " lines ").replace(" frame ", " frames ").replace(
        " row ", " rows ").replace(" annotation ", " annotations ") % (", ".join(map(str, rows[:most])) + more)


def subject_names(result: Result) -> list[str]:
    """The subjects' names, in the result's order."""
    return list(dict.fromkeys(video.subject for video in result.videos))


def frames_of(result: Result) -> tuple[np.ndarray, np.ndarray]:
    """All labels and predictions of a result, (N,) float64 each."""
    return tuple(np.concatenate([getattr(video, field) for video in result.videos])
                 for field in ("label", "prediction"))


def in_order(video: Video) -> Video:
    """`video` with its frames in order, and their numbers, (N,) int, for names."""
    numbers = frame_numbers(video)
    return take(video._replace(frames=numbers), np.argsort(numbers))


def frame_numbers(video: Video) -> np.ndarray:
    """The numbers in which a video's frame names end, (N,) int; 1..N where these are none, or not all different."""
    endings = [re.search("[0-9]{0,18}$", frame).group() for frame in video.frames]
    if all(endings) and len(set(map(int, endings))) == len(endings):
        return np.array(endings, int)
    return np.arange(len(endings)) + 1


def take(video: Video, order: np.ndarray) -> Video:
    """`video` with its frames in another order, (N,) int."""
    return video._replace(frames=video.frames[order], label=video.label[order], prediction=video.prediction[order],
                          rows=video.rows[order])


def full_name(video: Video) -> str:
    """SUBJECT/VIDEO, or the subject alone where its videos are not known."""
    return "/".join(filter(None, (video.subject, video.video)))
