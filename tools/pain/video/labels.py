"""Which frames of a video people's labels are of, and how far its pain curve is from them.

A label by frame is that frame's. One by time is that of the nearest frame, if that is no further off than half a usual
frame; of several that are nearest to one frame the nearest is taken. An interval's label is that of all frames from its
onset to before its offset, give or take half a millisecond, to which programs round. Where several raters have labelled
a frame, their mean counts.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pain.evaluation.metrics import icc31, mae, mse, pcc, wmae, wmse
from pain.files import rounded
from pain.labels.record import FRAME, INTERVAL, Labels
from pain.video.curve import Row
from pain.video.episodes import ROUNDING
from pain.video.tracks import in_order, lasts, track_of

METRICS = {"mae": mae, "mse": mse, "pcc": pcc, "wmae": wmae, "wmse": wmse, "icc31": icc31}
HALF_MS = 5.01e-4  # seconds, with something for the last decimal of curve.csv's times


class PlacedLabels(NamedTuple):
    """Those K of a video's labels that are of a frame of its curve, in the order of the frames."""

    frames: np.ndarray  # (K,) int: the frame's place among those of the curve
    times: np.ndarray  # (K,) float64: its time in seconds
    values: np.ndarray  # (K,) float64


def on_frames(labels: Labels, frames: Sequence[int], times: np.ndarray) -> tuple[np.ndarray, int]:
    """One rater's labels of a video's N frames, (N,) float64, NaN: none; and how many labels are of no frame.

    frames: their numbers, rising; times: (N,) float64, on a player's clock.
    """
    values = np.full(len(times), labels.unmarked, float)
    if labels.by == INTERVAL:
        start, end = (np.searchsorted(times, moments - HALF_MS) for moments in (labels.at, labels.until))
        for first, last, label in zip(start, end, labels.label):
            values[first:last] = label
        return values, int((start == end).sum())
    if labels.by == FRAME:
        place = dict(zip(frames, range(len(frames))))
        at, distance = np.array([place.get(frame, -1) for frame in labels.at.tolist()], int), np.zeros(len(labels.at))
    elif len(times):
        at = np.searchsorted((times[1:] + times[:-1]) / 2, labels.at)
        distance = np.abs(times[at] - labels.at)
        at = np.where(distance > np.median(lasts(times)) / 2 + ROUNDING, -1, at)
    else:
        at, distance = np.full(len(labels.at), -1), np.zeros(len(labels.at))
    nearest = np.argsort(distance, kind="stable")
    taken, first = np.unique(at[nearest], return_index=True)
    taken, first = taken[taken >= 0], first[taken >= 0]
    values[taken] = labels.label[nearest][first]
    return values, len(labels.at) - len(taken)


def mean_of(values: np.ndarray) -> np.ndarray:
    """The mean of raters' labels of N frames over those who have labelled a frame. values: (R, N). Returns (N,)."""
    rated = (~np.isnan(values)).sum(axis=0)
    return np.where(rated, np.nansum(values, axis=0), np.nan) / np.maximum(rated, 1)


def placed(rows: list[Row], raters: list[Labels]) -> tuple[PlacedLabels, int]:
    """The PlacedLabels of a curve, of several raters their mean, and how many labels are of no frame."""
    place, times = in_order(rows)
    each = [on_frames(labels, list(place), times) for labels in raters]
    values = mean_of(np.array([values for values, _ in each]).reshape(len(raters), len(times)))
    frames = np.flatnonzero(~np.isnan(values))
    return PlacedLabels(frames, times[frames], values[frames]), sum(lost for _, lost in each)


def compare(rows: list[Row], raters: list[Labels], of: str = "intensity", person: int | None = None) -> dict:
    """How far a person's curve is from the labels: a dict ready for JSON of METRICS, None where one is undefined.

    of: "intensity" or "smoothed"; person: unless given the one with most frames, and of several the first. A frame
    counts that has both; the others, and the labels of no frame, are counted: without_intensity, without_label,
    labels_without_frame.
    """
    (frames, _, label), lost = placed(rows, raters)
    person = main_person(rows) if person is None else person
    place = in_order(rows)[0]
    curve = getattr(track_of(person, [row for row in rows if row.person and row.person == person], place), of)
    both = ~np.isnan(curve[frames])
    pair = label[both], curve[frames[both]]
    return dict(person=person, of=of, frames=int(both.sum()), without_intensity=int((~both).sum()),
                without_label=int((~np.isnan(curve)).sum() - both.sum()), labels_without_frame=lost,
                **{name: rounded(metric(*pair)) if both.any() else None for name, metric in METRICS.items()})


def main_person(rows: list[Row]) -> int | None:
    """The person in most frames, of several the first; None where there is nobody."""
    count = Counter(row.person for row in rows if row.person)
    return min(count, key=lambda number: (-count[number], number), default=None)
