"""Ground truth for a video, and how far its pain curve is from it.

    labels.csv    columns frame,label or time_s,label, a row a labelled frame, in any order: frame counts from 0 and
                  time_s in seconds from the video's first frame, as in curve.csv; label is an intensity, 0, 1, 2, 3, 4
                  or 5. More columns do no harm. A label by time is that of the nearest frame, if that is no further
                  off than half a usual frame.
"""
from collections import Counter
from typing import NamedTuple

import numpy as np

from pain.datasets.pspi import CLASSES
from pain.errors import Problem
from pain.evaluation.frames import numbers, places
from pain.evaluation.metrics import icc31, mae, mse, pcc, wmae, wmse
from pain.files import read_rows, rounded
from pain.video.episodes import ROUNDING
from pain.video.tracks import in_order, lasts, track_of

METRICS = {"mae": mae, "mse": mse, "pcc": pcc, "wmae": wmae, "wmse": wmse, "icc31": icc31}
BY = "frame", "time_s"


class Labels(NamedTuple):
    """M labels of a video."""

    by: str  # one of BY
    at: np.ndarray  # (M,) float64, frames or seconds, rising
    label: np.ndarray  # (M,) int, 0..5


def labels(path):
    """Read the ground truth of a video, a CSV file, as Labels. Raises Problem naming the rows that are none."""
    names, rows, lines = read_rows(path, ["label"], "a spreadsheet, columns frame,label or time_s,label")
    by = [name for name in BY if name in names]
    if not by:
        raise Problem("%s: neither a column frame nor time_s; say where each label belongs" % path)
    at, label = (numbers([row[names.index(name)] for row in rows]) for name in (by[0], "label"))
    place, lines = str(path).replace("%", "%%") + ": line %d", np.array(lines)
    good = np.isfinite(at) & (at >= 0) & (by[0] != BY[0] or at % 1 == 0)
    refuse(~good, place, lines, "the %s is none" % by[0])
    refuse(~np.isin(label, range(CLASSES)), place, lines, "the label is not an integer 0..%d" % (CLASSES - 1))
    count = Counter(at.tolist())
    refuse(np.array([count[one] > 1 for one in at.tolist()]), place, lines, "the %s is there more than once" % by[0])
    order = np.argsort(at)
    return Labels(by[0], at[order], label[order].astype(int))


def refuse(wrong, place, lines, what):
    """Raise Problem saying `what` of the lines that are `wrong`, (M,) bool."""
    if wrong.any():
        raise Problem("%s: %s; correct it" % (places(place, lines[wrong]), what))


def placed(rows, labels):
    """The labels that are of a frame of the curve, (K,) int: its place among the frames, and the label.

    Of several labels by time that are nearest to one frame the nearest one is taken.
    """
    place, times = in_order(rows)
    if labels.by == "frame":
        at, distance = np.array([place.get(frame, -1) for frame in labels.at.tolist()]), np.zeros(len(labels.at))
    elif len(times):
        at = np.searchsorted((times[1:] + times[:-1]) / 2, labels.at)
        distance = np.abs(times[at] - labels.at)
        at = np.where(distance > np.median(lasts(times)) / 2 + ROUNDING, -1, at)
    else:
        return np.zeros((2, 0), int)
    nearest = np.argsort(distance, kind="stable")
    frames, first = np.unique(at[nearest], return_index=True)
    some = frames >= 0
    return frames[some], labels.label[nearest][first[some]]


def to_draw(rows, labels):
    """The labels that are of a frame of the curve, as plot.draw() takes them: times in seconds, values, (K,)."""
    at, label = placed(rows, labels)
    return in_order(rows)[1][at], label


def compare(rows, labels, of="intensity", person=None):
    """How far a person's curve is from the labels: a dict ready for JSON of METRICS, None where one is undefined.

    of: "intensity" or "smoothed"; person: unless given the one with most frames, and of several the first. A frame
    counts that has both; the others, and the labels of no frame, are counted: without_intensity, without_label,
    labels_without_frame.
    """
    at, label = placed(rows, labels)
    count = Counter(row.person for row in rows if row.person)
    if person is None:
        person = min(count, key=lambda one: (-count[one], one), default=None)
    place = in_order(rows)[0]
    curve = getattr(track_of(person, [row for row in rows if row.person and row.person == person], place), of)
    there = ~np.isnan(curve[at])
    pair = label[there], curve[at[there]]
    return dict(person=person, of=of, frames=int(there.sum()), without_intensity=int((~there).sum()),
                without_label=int((~np.isnan(curve)).sum() - there.sum()),
                labels_without_frame=len(labels.label) - len(label),
                **{name: rounded(metric(*pair)) if there.any() else None for name, metric in METRICS.items()})
