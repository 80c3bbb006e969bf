"""The pain curve of a video as a file: curve.csv, a row a frame and person; and the same as curve.json.

    # notice, source, models, settings                                  two comment lines, then the header
    frame,time_s,media_time_s,person,face,box_...,confidence,<landmarks>,doubt,intensity,spread,low,high,smoothed

While a video is rated curve.csv is a log, which grows frame by frame, and in which nothing is smoothed yet. frame
counts from 0; time_s is the frame's own, from the video's first, and media_time_s the same on a player's clock, on
which the picture may begin later than the sound. face is found; or interpolated, where landmarks are those of the
frames around; or none. doubt says why a face that was found is not like those the nets have learned from; there, as
where there is no face, intensity is left empty. spread is the standard deviation over the nets of several
folds; low and high bound what observers say of such a prediction, where a calibration is given; smoothed is the
intensity after a filter, where one is asked for. All pixels count from 0 at the top left.
"""
import csv
import io
import json
import os
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pain.errors import Problem
from pain.faces.alignment import LANDMARKS
from pain.files import replacing, rounded
from pain.notice import notice
from pain.provenance import origin_said

FOUND, INTERPOLATED, NONE = FACES = "found", "interpolated", "none"


class Row(NamedTuple):
    """One person in one frame of a video. Its fields are the columns of curve.csv, in their order."""

    frame: int  # from 0
    time_s: float  # from the first frame
    media_time_s: float  # on a player's clock
    person: int  # from 1, or 0 in a frame without anyone
    face: str  # one of FACES
    box: np.ndarray | None = None  # (4,) x, y, width, height; None unless found
    confidence: float | None = None  # 0..1; None unless found
    landmarks: np.ndarray | None = None  # (5, 2) x, y; None without a face
    doubt: str = ""  # a word, or nothing
    intensity: float = np.nan  # 0..5; this and what follows are NaN where there is none
    spread: float = np.nan
    low: float = np.nan
    high: float = np.nan
    smoothed: float = np.nan


VALUES = "intensity", "spread", "low", "high", "smoothed"
BOX = "box_x", "box_y", "box_width", "box_height"
POINTS = tuple(name + axis for name in LANDMARKS for axis in ("_x", "_y"))
COLUMNS_OF = {**{field: (field,) for field in Row._fields}, "box": BOX, "landmarks": POINTS}
COLUMNS = tuple(column for field in Row._fields for column in COLUMNS_OF[field])
ENDS = tuple(accumulate(len(COLUMNS_OF[field]) for field in Row._fields))  # of each field's columns
DECIMALS = {"time_s": 6, "media_time_s": 6, "box": 2, "confidence": 4, "landmarks": 3, **dict.fromkeys(VALUES, 6)}


def no_face(frame: int, time_s: float, person: int, media_time_s: float | None = None) -> Row:
    """The Row of a frame in which the person has no face. media_time_s: the same as time_s unless given."""
    return Row(frame, time_s, time_s if media_time_s is None else media_time_s, person, NONE)


def fields(row: Row) -> list[str]:
    """A Row as texts in the order of COLUMNS."""
    texts = []
    for field, value in zip(Row._fields, row):
        if field not in DECIMALS:
            texts.append(str(value))
        elif value is None:
            texts += [""] * len(COLUMNS_OF[field])
        else:
            texts += ["" if number != number else "%.*f" % (DECIMALS[field], number) for number in np.ravel(value)]
    return texts


def parse(texts: list[str]) -> Row:
    """The Row of fields(). Raises ValueError if the texts are none."""
    if len(texts) != len(COLUMNS):
        raise ValueError("not a row of a curve")
    of = {field: texts[start:end] for field, start, end in zip(Row._fields, (0, *ENDS), ENDS)}
    if of["face"][0] not in FACES:
        raise ValueError("not a row of a curve")

    def numbers(field):
        return np.array(of[field], float) if all(of[field]) else None

    confidence, landmarks = numbers("confidence"), numbers("landmarks")
    return Row(int(of["frame"][0]), float(of["time_s"][0]), float(of["media_time_s"][0]), int(of["person"][0]),
               of["face"][0], numbers("box"), None if confidence is None else float(confidence[0]),
               None if landmarks is None else landmarks.reshape(5, 2), of["doubt"][0],
               *(float(of[field][0] or "nan") for field in VALUES))


def plain(row: Row) -> Row:
    """A Row of JSON's values: numbers as exact as in curve.csv, lists for arrays, None for what is not there."""
    def as_json(field, value):
        if field not in DECIMALS:
            return value if isinstance(value, str) else int(value)
        if np.ndim(value):
            return [as_json(field, part) for part in value]
        return rounded(value, DECIMALS[field])
    return Row._make(map(as_json, Row._fields, row))._replace(doubt=row.doubt or None)


class CurveWriter:
    """Writes curve.csv frame by frame: what is known of a frame is in the file soon after.

    path: the file; about: a dict of what the curve is of, kept as JSON in a comment; resume: go on with what is there,
    a log, or a finished curve, which becomes a log again: what was smoothed is not any more.
    `rows` are the Rows that were there, and `next_frame` is the first frame that was not.
    Raises Problem when there is nothing to resume, or a curve of something else.
    """

    def __init__(self, path: Path | str, about: dict, resume: bool = False):
        path = Path(path)
        self.rows, self.next_frame = [], 0
        if not resume:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.file = open(str(path), "w", newline="", encoding="utf-8")
            self.file.write(head(about))
            return
        earlier, rows = read_curve(path)
        if "origin" in about:  # of the same nets, which an older version did not ask for it
            earlier.setdefault("origin", about["origin"])
        if earlier != about:
            differ = sorted(key for key in {*earlier, *about} if earlier.get(key) != about.get(key))
            raise Problem("%s: cannot go on with it, for it was made with another %s; leave out --resume to begin again"
                          % (path, ", ".join(differ)))
        if rows:  # of the last frame's rows some may be missing
            self.next_frame = rows[-1].frame
        self.rows = [row._replace(smoothed=np.nan) for row in rows if row.frame < self.next_frame]
        write_curve(path, about, self.rows)
        self.file = open(str(path), "a", newline="", encoding="utf-8")

    def write(self, rows: list[Row]) -> None:
        """Append the Rows of a frame, or of several, all of each."""
        self.file.write(lines_of(rows))
        self.file.flush()

    def close(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()


def head(about):
    """The lines before the rows."""
    return "# %s\n# %s\n%s\n" % (notice(origin_said(about)), json.dumps(about, sort_keys=True), ",".join(COLUMNS))


def lines_of(rows):
    """Rows as CSV text."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(map(fields, rows))
    return text.getvalue()


def read_curve(path: Path | str) -> tuple[dict, list[Row]]:
    """A curve.csv, whose last line may be cut short, as (about, Rows). Raises Problem when it is none."""
    try:
        with open(str(path), newline="", encoding="utf-8") as file:
            _, about, header, *lines = file.read().splitlines(keepends=True) or [""] * 3
        about = json.loads(about[2:])
        if header == ",".join(column for column in COLUMNS if column != "media_time_s") + "\n":
            raise Problem("%s: a curve of an older version, without media_time_s; make it again" % path)
        if not isinstance(about, dict) or header != ",".join(COLUMNS) + "\n":
            raise ValueError
        return about, [parse(texts) for texts in csv.reader(line for line in lines if line.endswith("\n"))]
    except FileNotFoundError:
        raise Problem("%s: no such curve; tools/predict_video.py makes it" % path) from None
    except (ValueError, csv.Error):
        raise Problem("%s: not a curve of tools/predict_video.py, or a damaged one; make it again" % path) from None


def write_curve(path: Path | str, about: dict, rows: list[Row]) -> None:
    """Write a whole curve.csv, in the place of one that is there."""
    with replacing(path) as partial:
        partial.write_text(head(about) + lines_of(rows), encoding="utf-8")


def write_json(path: Path | str, about: dict, smoothing, summary: dict, rows: list[Row]) -> None:
    """Write the whole curve, a row a line, as a JSON file: with the notice, what it is of, its filter and its summary.

    smoothing: the Filter that filled the column smoothed, or None; summary: a dict, as summary() makes it.
    """
    parts = {"notice": notice(origin_said(about)), "about": about, "smoothing": smoothing and smoothing._asdict(),
             "summary": summary}
    with replacing(path) as partial, open(str(partial), "w", encoding="utf-8") as file:
        file.write("{")
        for name, part in parts.items():
            file.write("%s: %s,\n" % (json.dumps(name), json.dumps(part, allow_nan=False)))
        file.write('"curve": [')
        for i, row in enumerate(rows):
            file.write((",\n" if i else "\n") + json.dumps(as_dict(row), allow_nan=False))
        file.write("\n]}\n")


def as_dict(row: Row) -> dict:
    """A Row as a dict ready for JSON, its landmarks by name."""
    values = plain(row)._asdict()
    if row.landmarks is not None:
        values["landmarks"] = dict(zip(LANDMARKS, values["landmarks"]))
    return values
