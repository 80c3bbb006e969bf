"""The pain curve of a video as a file: curve.csv, a row a frame and person, written while the video is read.

    # notice, source, models, settings                                  two comment lines, then the header
    frame,time_s,person,face,box_...,confidence,<landmarks>,doubt,intensity,spread,low,high,smoothed

frame counts from 0; time_s is the frame's own, from the video's first. face is found; or interpolated, where landmarks
are those of the frames around; or none. doubt says why a face that was found is not like those the nets have learned
from; there, as where there is no face, intensity is left empty. spread is the standard deviation over the nets of
several folds; low and high bound what observers say of such a prediction, where a calibration is given; smoothed is the
intensity after a filter, where one is asked for. All pixels count from 0 at the top left.
"""
import csv
import io
import json
import os
from collections import namedtuple
from pathlib import Path

import numpy as np

from pain.errors import Problem
from pain.faces.alignment import LANDMARKS
from pain.files import replacing
from pain.notice import NOTICE

FOUND, INTERPOLATED, NONE = FACES = "found", "interpolated", "none"
BOX = "box_x", "box_y", "box_width", "box_height"
POINTS = tuple(name + axis for name in LANDMARKS for axis in ("_x", "_y"))
COLUMNS = ("frame", "time_s", "person", "face", *BOX, "confidence", *POINTS, "doubt", "intensity", "spread", "low",
           "high", "smoothed")

# One person in one frame. time: seconds; person: a number from 1, or 0 in a frame without anyone; face: one of FACES;
# box: (4,) x, y, width, height, and confidence, 0..1, None unless found; landmarks: (5, 2) x, y, None without a face;
# doubt: a word or ""; intensity, 0..5, spread, low, high and smoothed: floats, NaN where there is none.
Row = namedtuple("Row", "frame time person face box confidence landmarks doubt intensity spread low high smoothed")


def no_face(frame, time, person):
    """The Row of a frame in which the person has no face."""
    return Row(frame, time, person, NONE, None, None, None, "", *[np.nan] * 5)


def fields(row):
    """A Row as texts in the order of COLUMNS."""
    def texts(values, form, count=1):
        return [""] * count if values is None else ["" if np.isnan(v) else form % v for v in np.ravel(values)]
    return [str(row.frame), "%.6f" % row.time, str(row.person), row.face, *texts(row.box, "%.2f", 4),
            *texts(row.confidence, "%.4f"), *texts(row.landmarks, "%.3f", 10), row.doubt,
            *texts([row.intensity, row.spread, row.low, row.high, row.smoothed], "%.6f")]


def parse(texts):
    """The Row of fields(). Raises ValueError if the texts are none."""
    def values(these, shape=()):
        return np.array([float(t) for t in these]).reshape(shape) if all(these) else None
    if len(texts) != len(COLUMNS) or texts[3] not in FACES:
        raise ValueError("not a row of a curve")
    confidence = values(texts[8:9])
    return Row(int(texts[0]), float(texts[1]), int(texts[2]), texts[3], values(texts[4:8], 4),
               None if confidence is None else float(confidence), values(texts[9:19], (5, 2)), texts[19],
               *(float(text) if text else np.nan for text in texts[20:]))


class CurveWriter:
    """Writes curve.csv frame by frame: what is known of a frame is in the file soon after.

    path: the file; about: a dict of what the curve is of, kept as JSON in a comment; resume: go on with what is there.
    `rows` are the Rows that were there, and `next_frame` is the first frame that was not.
    Raises Problem when there is nothing to resume, or a curve of something else.
    """

    def __init__(self, path, about, resume=False):
        path = Path(path)
        self.rows, self.next_frame = [], 0
        if not resume:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.file = open(str(path), "w", newline="", encoding="utf-8")
            self.file.write(head(about))
            return
        there, rows, lines = read_lines(path)
        if there != about:
            differ = sorted(key for key in {*there, *about} if there.get(key) != about.get(key))
            raise Problem("%s: cannot go on with it, for it was made with another %s; leave out --resume to begin again"
                          % (path, ", ".join(differ)))
        if rows:  # of the last frame's rows some may be missing
            self.next_frame = rows[-1].frame
            self.rows = [row for row in rows if row.frame < self.next_frame]
        self.file = open(str(path), "r+", newline="", encoding="utf-8")
        self.file.seek(len("".join([head(there), *lines[:len(self.rows)]]).encode()))
        self.file.truncate()

    def write(self, rows):
        """Append the Rows of a frame, or of several, all of each."""
        self.file.write(lines_of(rows))
        self.file.flush()

    def close(self):
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()


def head(about):
    """The lines before the rows."""
    return "# %s\n# %s\n%s\n" % (NOTICE, json.dumps(about, sort_keys=True), ",".join(COLUMNS))


def lines_of(rows):
    """Rows as CSV text."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(map(fields, rows))
    return text.getvalue()


def read_lines(path):
    """A curve.csv, whose last line may be cut short: (about, Rows, their lines). Raises Problem when it is none."""
    try:
        with open(str(path), newline="", encoding="utf-8") as file:
            _, about, header, *lines = file.read().splitlines(keepends=True) or [""] * 3
        about = json.loads(about[2:])
        if not isinstance(about, dict) or header != ",".join(COLUMNS) + "\n":
            raise ValueError
        lines = [line for line in lines if line.endswith("\n")]
        return about, [parse(texts) for texts in csv.reader(lines)], lines
    except FileNotFoundError:
        raise Problem("%s: no such curve; tools/predict_video.py makes it" % path) from None
    except (ValueError, csv.Error):
        raise Problem("%s: not a curve of tools/predict_video.py, or a damaged one; make it again" % path) from None


def read_curve(path):
    """A curve.csv as (about, Rows). Raises Problem when it is none."""
    return read_lines(path)[:2]


def write_curve(path, about, rows):
    """Write a whole curve.csv, in the place of one that is there."""
    with replacing(path) as partial:
        partial.write_text(head(about) + lines_of(rows), encoding="utf-8")
