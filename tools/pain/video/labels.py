"""Ground truth for a video, and how far its pain curve is from it.

    labels.csv    columns frame,label or time_s,label, a row a labelled frame, in any order: frame counts from 0 and
                  time_s in seconds on a player's clock, as media_time_s in curve.csv; label is an intensity, 0, 1, 2,
                  3, 4 or 5. Clock times, such as 0:10 or 00:01:02.500, are read, too, and their column may be called
                  time. More columns do no harm. A label by time is that of the nearest frame, if that is no further
                  off than half a usual frame. It is read in all the ways in which spreadsheets write CSV
                  (pain/people_tables.py).
"""
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pain.datasets.pspi import CLASSES
from pain.errors import Problem
from pain.evaluation.frames import from_one, refuse
from pain.evaluation.metrics import icc31, mae, mse, pcc, wmae, wmse
from pain.files import rounded
from pain.people_tables import parse_people_table, read_bytes
from pain.video.curve import Row
from pain.video.episodes import ROUNDING
from pain.video.tracks import in_order, lasts, track_of

METRICS = {"mae": mae, "mse": mse, "pcc": pcc, "wmae": wmae, "wmse": wmse, "icc31": icc31}
BY, CLOCK = ("frame", "time_s"), "time"  # columns; that of clock times alone


class Labels(NamedTuple):
    """M labels of a video."""

    by: str  # one of BY
    at: np.ndarray  # (M,) float64, frames or seconds, rising
    label: np.ndarray  # (M,) int, 0..5
    note: str = ""  # a sentence on what looks wrong


class PlacedLabels(NamedTuple):
    """Those K of a video's labels that are of a frame of its curve, in the order of the frames."""

    frames: np.ndarray  # (K,) int: the frame's place among those of the curve
    times: np.ndarray  # (K,) float64: its time in seconds
    values: np.ndarray  # (K,) int, 0..5


def labels(path: Path | str) -> Labels:
    """Read the ground truth of a video, a table, as Labels. Raises Problem naming the lines that are none."""
    return parse_labels(read_bytes(path), path)


def parse_labels(content: bytes, path: Path | str) -> Labels:
    """The Labels in the content (bytes) of a table; path: what to call it. Raises Problem as labels() does."""
    table = parse_people_table(content, path, ("label", *BY, CLOCK))
    by = next((name for name in BY if table.has(name)), None)
    if by is None and table.has(CLOCK) and all(":" in text for text in table.texts(CLOCK)):
        by = CLOCK
    if by is None:
        table.texts("label")  # it is the first to be missed
        raise Problem("%s: neither a column frame nor time_s in its header; say where each label belongs" % path)
    label, at = table.numbers("label", by, clock="" if by == "frame" else by)
    where, good = (table.place, table.lines), np.isfinite(at) & (at >= 0)
    if by == "frame":
        good &= at % 1 == 0
    refuse(~good, *where, "the %s is none" % by)
    notes = [from_one(label, CLASSES - 1)]
    refuse(~np.isin(label, range(CLASSES)), *where, "the label is not an integer 0..%d" % (CLASSES - 1),
           notes[0] if (label == CLASSES).any() else "")
    count = Counter(at.tolist())
    refuse(np.array([count[place] > 1 for place in at.tolist()]), *where, "the %s is there more than once" % by)
    if by == "frame" and at.min() == 1:
        notes.append("no label is of frame 0; if frames are counted from 1, take 1 off each")
    order, note = np.argsort(at), "; ".join(filter(None, notes))
    return Labels(BY[by != "frame"], at[order], label[order].astype(int), note and "%s: %s" % (path, note))


def placed(rows: list[Row], labels: Labels) -> PlacedLabels:
    """The PlacedLabels of a curve. Of several labels by time that are nearest to one frame the nearest one is taken."""
    place, times = in_order(rows)
    if labels.by == "frame":
        at, distance = np.array([place.get(frame, -1) for frame in labels.at.tolist()]), np.zeros(len(labels.at))
    elif len(times):
        at = np.searchsorted((times[1:] + times[:-1]) / 2, labels.at)
        distance = np.abs(times[at] - labels.at)
        at = np.where(distance > np.median(lasts(times)) / 2 + ROUNDING, -1, at)
    else:
        at, distance = np.full(len(labels.at), -1), np.zeros(len(labels.at))
    nearest = np.argsort(distance, kind="stable")
    frames, first = np.unique(at[nearest], return_index=True)
    frames, first = frames[frames >= 0], first[frames >= 0]
    return PlacedLabels(frames, times[frames], labels.label[nearest][first])


def compare(rows: list[Row], labels: Labels, of: str = "intensity", person: int | None = None) -> dict:
    """How far a person's curve is from the labels: a dict ready for JSON of METRICS, None where one is undefined.

    of: "intensity" or "smoothed"; person: unless given the one with most frames, and of several the first. A frame
    counts that has both; the others, and the labels of no frame, are counted: without_intensity, without_label,
    labels_without_frame.
    """
    frames, _, label = placed(rows, labels)
    count = Counter(row.person for row in rows if row.person)
    if person is None:
        person = min(count, key=lambda number: (-count[number], number), default=None)
    place = in_order(rows)[0]
    curve = getattr(track_of(person, [row for row in rows if row.person and row.person == person], place), of)
    both = ~np.isnan(curve[frames])
    pair = label[both], curve[frames[both]]
    return dict(person=person, of=of, frames=int(both.sum()), without_intensity=int((~both).sum()),
                without_label=int((~np.isnan(curve)).sum() - both.sum()),
                labels_without_frame=len(labels.label) - len(label),
                **{name: rounded(metric(*pair)) if both.any() else None for name, metric in METRICS.items()})
