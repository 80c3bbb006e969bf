"""The pain curve of a video as a file: curve.csv, a row a frame and person; and the same as curve.json.

    video,frame,time_s,media_time_s,person,face,box_...,confidence,<landmarks>,doubt,intensity,spread,low,high,smoothed,
    turned,notice

The tables of several videos can be stacked: video is the source of each row, and notice says in a few words what the
nets have learned from. All that a curve depends on, its models and settings, stands beside it in curve.about.json.

While a video is rated curve.csv is a log, which grows frame by frame, and in which nothing is smoothed yet. frame
counts from 0; time_s is the frame's own, from the video's first, and media_time_s the same on a player's clock, on
which the picture may begin later than the sound. face is found; or interpolated, where landmarks are those of the
frames around; or none. doubt says why a face that was found is not like those the nets have learned from; there, as
where there is no face, intensity is left empty. spread is the standard deviation over the nets of several folds; low
and high bound what observers say of such a prediction, where a calibration is given; smoothed is the intensity after a
filter, where one is asked for. turned says by how many degrees, clockwise, people are turned in the picture, and is
empty where nothing tells. All pixels count from 0 at the top left of the picture as it is.
"""
import contextlib
import csv
import io
import json
import math
import os
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pain.datasets.pspi import CLASSES
from pain.errors import Problem
from pain.faces.alignment import LANDMARKS
from pain.faces.orientation import TURNS
from pain.files import parse_json, read_json, replacing, rounded
from pain.notice import SHORT_NOTICES, notice, short_notice
from pain.provenance import Data, Origin, as_dict, origin_said

FOUND, INTERPOLATED, NONE = FACES = "found", "interpolated", "none"
FAR = 10 ** 6  # pixels: nothing in an image is as far from its corner
DOUBTS = OUTSIDE, POSE, BLUR, ORIENTATION = "outside", "pose", "blur", "orientation"


class Row(NamedTuple):
    """One person in one frame of a video. Its fields are columns of curve.csv, in their order."""

    frame: int  # from 0
    time_s: float  # from the first frame
    media_time_s: float  # on a player's clock
    person: int  # from 1, or 0 in a frame without anyone
    face: str  # one of FACES
    box: np.ndarray | None = None  # (4,) x, y, width, height; None unless found
    confidence: float | None = None  # 0..1; None unless found
    landmarks: np.ndarray | None = None  # (5, 2) x, y; None without a face
    doubt: str = ""  # one of DOUBTS, or nothing
    intensity: float = np.nan  # 0..5; this and what follows are NaN where there is none
    spread: float = np.nan
    low: float = np.nan
    high: float = np.nan
    smoothed: float = np.nan
    turned: int | None = 0  # one of TURNS, the degrees clockwise by which people are; None where that cannot be told


VALUES = "intensity", "spread", "low", "high", "smoothed"
BOX = "box_x", "box_y", "box_width", "box_height"
POINTS = tuple(name + axis for name in LANDMARKS for axis in ("_x", "_y"))
COLUMNS_OF = {**{field: (field,) for field in Row._fields}, "box": BOX, "landmarks": POINTS}
ROW_COLUMNS = tuple(column for field in Row._fields for column in COLUMNS_OF[field])
COLUMNS = ("video", *ROW_COLUMNS, "notice")
HEADER = ",".join(COLUMNS) + "\n"
OLDER = {"turned": "0"}  # columns that older versions did not write, and what they took for granted
ENDS = tuple(accumulate(len(COLUMNS_OF[field]) for field in Row._fields))  # of each field's columns
DECIMALS = {"time_s": 6, "media_time_s": 6, "box": 2, "confidence": 4, "landmarks": 3, **dict.fromkeys(VALUES, 6)}


def no_face(frame: int, time_s: float, person: int, media_time_s: float | None = None) -> Row:
    """The Row of a frame in which the person has no face. media_time_s: the same as time_s unless given."""
    return Row(frame, time_s, time_s if media_time_s is None else media_time_s, person, NONE)


def fields(row: Row) -> list[str]:
    """A Row as texts in the order of ROW_COLUMNS."""
    texts = []
    for field, value in zip(Row._fields, row):
        if value is None:
            texts += [""] * len(COLUMNS_OF[field])
        elif field not in DECIMALS:
            texts.append(str(value))
        else:
            texts += ["" if number != number else "%.*f" % (DECIMALS[field], number) for number in np.ravel(value)]
    return texts


def parse(texts: list[str]) -> Row:
    """The Row of fields(). Raises ValueError if the texts are none."""
    if len(texts) != len(ROW_COLUMNS):
        raise ValueError("%d columns of a row, which has %d" % (len(texts), len(ROW_COLUMNS)))
    of = {field: texts[start:end] for field, start, end in zip(Row._fields, (0, *ENDS), ENDS)}

    def array(field):
        return np.array([*map(number, of[field])]) if any(of[field]) else None

    confidence, landmarks = array("confidence"), array("landmarks")
    return Row(int(of["frame"][0]), number(of["time_s"][0]), number(of["media_time_s"][0]), int(of["person"][0]),
               of["face"][0], array("box"), None if confidence is None else float(confidence[0]),
               None if landmarks is None else landmarks.reshape(5, 2), of["doubt"][0],
               *(number(of[field][0]) if of[field][0] else np.nan for field in VALUES),
               int(of["turned"][0]) if of["turned"][0] else None)


def number(text):
    """The float of a cell. Raises ValueError when it is none, infinite, or nan."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("%s is no number" % text)
    return value


def plain(row: Row) -> Row:
    """A Row of JSON's values: numbers as exact as in curve.csv, lists for arrays, None for what is not there."""
    def as_json(field, value):
        if field not in DECIMALS:
            return value if value is None or isinstance(value, str) else int(value)
        if np.ndim(value):
            return [as_json(field, part) for part in value]
        return rounded(value, DECIMALS[field])
    return Row._make(map(as_json, Row._fields, row))._replace(doubt=row.doubt or None)


def check(row: Row, before: Row | None = None) -> None:
    """Raise ValueError, with what is wrong, if `row` cannot follow the Row `before` in a curve, or begin one."""
    expected = before.frame + 1 if before else 0
    if before is None or row.frame != before.frame:
        if row.frame != expected:
            raise ValueError("frame %d in the place of frame %d" % (row.frame, expected))
        for name in "time_s", "media_time_s":
            if before and not getattr(before, name) < getattr(row, name):
                raise ValueError("%s %s is no later than in the frame before" % (name, getattr(row, name)))
        least = 0
    elif (row.time_s, row.media_time_s) != (before.time_s, before.media_time_s):
        raise ValueError("another time than in the row above, of the same frame")
    else:
        least = before.person + 1 if before.person else math.inf
    if row.face not in FACES:
        raise ValueError("face %s is none of %s" % (row.face, ", ".join(FACES)))
    if row.person < least or not row.person and row.face != NONE:
        raise ValueError("person %d does not belong here" % row.person)
    has = [value is not None for value in (row.box, row.confidence, row.landmarks)]
    if has != [row.face == FOUND, row.face == FOUND, row.face != NONE]:
        raise ValueError("box, confidence or landmarks that do not go with a face that is %s" % row.face)
    if row.doubt not in ("", *DOUBTS):
        raise ValueError("doubt %s is none of %s" % (row.doubt, ", ".join(DOUBTS)))
    if row.turned not in (*TURNS, None):
        raise ValueError("turned %s is none of %s" % (row.turned, ", ".join(map(str, TURNS))))
    check_values(row)


def check_values(row):
    """check() of the numbers that have bounds."""
    if row.box is not None and row.box[2:].min() <= 0:
        raise ValueError("a box without an area")
    if any(places is not None and np.abs(places).max() > FAR for places in (row.box, row.landmarks)):
        raise ValueError("box or landmarks beyond %d pixels" % FAR)
    known = [name for name in VALUES if not math.isnan(getattr(row, name))]
    for name, most in [*dict.fromkeys(known, CLASSES - 1).items(), *([("confidence", 1)] if row.face == FOUND else [])]:
        if not 0 <= getattr(row, name) <= most:
            raise ValueError("%s %s is not within 0..%d" % (name, getattr(row, name), most))
    if known and (row.face == NONE or row.doubt or "intensity" not in known):
        raise ValueError("%s where there is no intensity, or none may be" % known[0])


class CurveWriter:
    """Appends to curve.csv frame by frame: what is known of a frame is in the file soon after.

    path: the file, which is begun if there is none; about: a dict of what the curve is of.
    """

    def __init__(self, path: Path | str, about: dict):
        begun, self.about = Path(path).exists(), about
        self.file = open(str(path), "a", newline="", encoding="utf-8")
        if not begun:
            self.file.write(HEADER)

    def write(self, rows: list[Row]) -> None:
        """Append the Rows of a frame, or of several, all of each."""
        self.file.write(lines_of(self.about, rows))
        self.file.flush()

    def close(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()


def lines_of(about, rows):
    """Rows as CSV text, a line each."""
    text, video, said = io.StringIO(), video_of(about), short_notice(origin_said(about))
    csv.writer(text, lineterminator="\n").writerows([video, *fields(row), said] for row in rows)
    return text.getvalue()


def video_of(about):
    """The column video: the source."""
    return as_cell(about.get("source") or "")


def as_cell(name) -> str:
    """A name as a cell of a table: on one line, whatever it is, and nothing that a spreadsheet would compute."""
    text = "".join(c if c.isprintable() else " " for c in str(name))
    return "'" + text if text.startswith(("=", "+", "-", "@")) else text


def about_file(path: Path | str) -> Path:
    """Where it stands what a curve.csv is of: in curve.about.json beside it."""
    return Path(path).with_suffix(".about.json")


def read_about(path: Path | str) -> dict | None:
    """What curve.about.json says of a curve.csv; None where there is none. Raises Problem when it is damaged."""
    try:
        return dict(read_json(about_file(path))["about"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise Problem("%s: damaged; remove it, or make the curve again" % about_file(path)) from None


def read_curve(path: Path | str) -> tuple[dict, list[Row]]:
    """A curve.csv, whose last line may be cut short, as (about, Rows).

    about: what curve.about.json says; where that is missing, the source and the nets' origin as far as the columns say
    it. Raises Problem, naming the line where there is one, when it is no curve, or one that somebody has changed.
    """
    try:
        content = Path(path).read_bytes()  # of which the last line may be cut in the middle of a letter
        lines = list(io.StringIO(content[:content.rfind(b"\n") + 1].decode("utf-8-sig"), newline=""))
    except FileNotFoundError:
        raise Problem("%s: no such curve; tools/predict_video.py makes it" % path) from None
    except UnicodeDecodeError:
        raise Problem("%s: not a curve of tools/predict_video.py; make it again" % path) from None
    above = 2 if lines and lines[0].startswith("# ") else 0  # lines in which older versions say what it is of
    reader = csv.reader(lines[above:], strict=True)
    try:
        names = next(reader, [])
        refuse_header(path, names, ROW_COLUMNS if above else COLUMNS)
        rows, video, said = read_rows(reader, names)
        if above:
            return dict(parse_json(lines[1][2:])), rows
    except (ValueError, TypeError, csv.Error) as error:
        raise Problem("%s: line %d: %s; make the curve again" % (path, above + reader.line_num, error)) from None
    return about_as_said(path, video, said) if rows else read_about(path) or {}, rows


def refuse_header(path, names, columns):
    """Raise Problem if the header of the file `path`, the columns' names, lacks some of `columns`."""
    missing = [column for column in columns if column not in {*names, *OLDER}]
    if len(missing) > len(columns) / 2:
        raise Problem("%s: not a curve of tools/predict_video.py; make it again" % path)
    if missing:
        raise Problem("%s: a curve of an older version, without %s; make it again" % (path, ", ".join(missing)))


def read_rows(reader, names):
    """The rows below a header as (Rows, video, notice). Raises ValueError, or what the reader raises."""
    rows, said = [], None
    for texts in reader:
        if len(texts) != len(names):
            raise ValueError("%d cells, where the header has %d" % (len(texts), len(names)))
        cell = {**OLDER, **dict(zip(names, texts))}
        row = parse([cell[column] for column in ROW_COLUMNS])
        check(row, rows[-1] if rows else None)
        rows.append(row)
        here = cell.get("video", ""), cell.get("notice", "")
        if said not in (None, here):
            raise ValueError("a row of another video, or of other nets, than those above")
        said = here
    return (rows, *(said or ("", "")))


def about_as_said(path, video, said):
    """What the curve in `path` is of, whose columns say this video and notice. Raises Problem where these disagree."""
    about, kinds = read_about(path), [kind for kind in SHORT_NOTICES if SHORT_NOTICES[kind] == said]
    if about is None:
        return dict(source=video, origin=as_dict(Origin(Data(*kinds))))
    if video_of(about) != video or kinds not in ([], [origin_said(about).kind]):  # an older version's words are unknown
        raise Problem("%s: of another curve than %s; remove the one that does not belong there" % (
            about_file(path), Path(path).name))
    return about


def write_curve(path: Path | str, about: dict, rows: list[Row], smoothing=None, more: dict | None = None) -> None:
    """Write a whole curve.csv and its curve.about.json, in the place of those that are there.

    smoothing: the Filter that filled the column smoothed, or None; more: what else curve.about.json is to say. Killed
    in between it leaves no rows beside an account of others.
    """
    account = {**(more or {}), "notice": notice(origin_said(about)), "about": about,
               "smoothing": smoothing and smoothing._asdict()}
    earlier = None
    with contextlib.suppress(Problem):
        earlier = read_about(path)
    if earlier != about:
        with contextlib.suppress(FileNotFoundError):
            os.remove(str(path))
    with replacing(about_file(path)) as partial:
        partial.write_text(json.dumps(account, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    with replacing(path) as partial:
        partial.write_text(HEADER + lines_of(about, rows), encoding="utf-8")


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
            file.write((",\n" if i else "\n") + json.dumps(row_as_dict(row), allow_nan=False))
        file.write("\n]}\n")


def row_as_dict(row: Row) -> dict:
    """A Row as a dict ready for JSON, its landmarks by name."""
    values = plain(row)._asdict()
    if row.landmarks is not None:
        values["landmarks"] = dict(zip(LANDMARKS, values["landmarks"]))
    return values
