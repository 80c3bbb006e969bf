"""People's labels of a video as a record, whatever they were written in, and what is asked of all of them."""
from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

import numpy as np

from pain.datasets.pspi import CLASSES, MAX_PSPI, quantise
from pain.errors import Problem
from pain.evaluation.frames import from_one, places, refuse

BY = FRAME, TIME, INTERVAL = "frame", "time_s", "interval"


class Reading(NamedTuple):
    """How numbers in labels are to be taken."""

    first_frame: int = 0  # what the first frame is called
    pspi: bool = False  # whether labels are PSPI, 0..16
    raw: bool = False  # whether PSPI stays as it is, and is not quantised to 0..5
    unmarked: float = np.nan  # the label of frames in no interval; NaN: they have none
    raters: tuple[str, ...] = ()  # the columns, tiers or behaviors that hold labels, where not all do

    @property
    def top(self) -> int:
        """The highest label that may be read."""
        return MAX_PSPI if self.pspi else CLASSES - 1


AS_USUAL = Reading()


class Labels(NamedTuple):
    """M labels of a video by one rater."""

    by: str  # one of BY
    at: np.ndarray  # (M,) float64, rising: frames from 0, seconds on a player's clock, or the intervals' onsets
    label: np.ndarray  # (M,) float64, 0..5; PSPI 0..16 where that is kept
    note: str = ""  # a sentence on what looks wrong
    until: np.ndarray | None = None  # (M,) float64, the intervals' offsets, which are no part of them
    unmarked: float = np.nan  # the label of frames in no interval; NaN: none
    rater: str = ""  # in small letters; empty where nothing names one
    video: str = ""  # what the file calls it; empty where it does not
    subject: str = ""  # the same of whose face it is


class Column(NamedTuple):
    """N labels as they were read, of which some may be of other videos."""

    by: str  # one of BY
    at: np.ndarray  # (N,) float64; NaN: not readable
    until: np.ndarray | None  # (N,) float64 of intervals
    label: np.ndarray  # (N,) float64; NaN: not readable
    rows: np.ndarray  # (N,) int: the numbers of their lines, or of annotations
    place: str  # a text like "a.csv: line %d", in which they stand
    at_name: str  # what `at` is called there
    first: float | None = None  # the first frame that the table has of the video, where it is by frame


def rater_name(text: str) -> str:
    """A rater's name from that of a column, a tier or a file: of label_A, Rater A and a it is a."""
    name = text.strip().casefold()
    return re.sub(r"^(label|rater|coder|annotator|observer|intensity|pspi|pain)[ _-]+(?=.)", "", name)


def labels_of(column: Column, path: object, reading: Reading, rater: str = "", video: str = "",
              subject: str = "") -> Labels:
    """The Labels in a Column of one video and rater. path: what to call the file.

    Raises Problem, naming the rows, for labels and places that are none, and for more than one label of a place.
    """
    where = column.place, column.rows
    at = column.at - reading.first_frame if column.by == FRAME else column.at
    good = np.isfinite(at) & (at >= 0)
    if column.by == FRAME:
        good &= at % 1 == 0
    refuse(~good, *where, "the %s is none" % column.at_name)
    notes = [from_one(column.label, reading.top) if column.by != INTERVAL else ""]
    remedy = notes[0] if (column.label == reading.top + 1).any() else ""
    if not remedy and not reading.pspi and column.label.size and CLASSES <= np.nanmax(
            np.append(column.label, 0)) <= MAX_PSPI:
        remedy = "correct it, or if they are PSPI, say so with --pspi"
    refuse(~((0 <= column.label) & (column.label <= reading.top)), *where,
           "the label is not a number 0..%d" % reading.top, remedy)
    if column.by == INTERVAL:
        refuse(~(at < column.until), *where, "the interval does not end after its onset")
    else:
        count = Counter(at.tolist())
        refuse(np.array([count[value] > 1 for value in at.tolist()], bool), *where,
               "the %s is there more than once" % column.at_name)
    if not reading.first_frame and column.first == 1:
        notes.append("no label is of frame 0; if frames are counted from 1, take 1 off each")
    order, note = np.argsort(at, kind="stable"), "; ".join(filter(None, notes))
    until = None if column.until is None else column.until[order]
    if until is not None:
        refuse_overlaps(at[order], until, column.rows[order], column.place)
    label = column.label[order]
    if reading.pspi and not reading.raw:
        label = quantise(label).astype(float)
    return Labels(column.by, at[order], label, note and "%s: %s" % (path, note), until,
                  reading.unmarked if column.by == INTERVAL else np.nan, rater, video, subject)


def refuse_overlaps(at, until, rows, place):
    """Raise Problem if an interval begins before the one before it ends, by more than a rounded millisecond."""
    over = np.flatnonzero(at[1:] < until[:-1] - 1.001e-3)
    if len(over):
        raise Problem("%s: intervals of one rater overlap; end one where the next begins"
                      % places(place, sorted(rows[over[0]:over[0] + 2].tolist())))
