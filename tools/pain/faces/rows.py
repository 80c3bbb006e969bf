"""The columns in which frames.csv and faces.csv hold a face: how it was found, its box and its landmarks."""
from pain.errors import Problem
from pain.faces.alignment import LANDMARKS
from pain.files import read_csv

FACE_COLUMNS = ("status", "reason", "box_x", "box_y", "box_width", "box_height", "confidence",
                *(name + axis for name in LANDMARKS for axis in ("_x", "_y")))


def detected(face):
    """The texts in FACE_COLUMNS of a Face."""
    return ["detected", "", *("%.4g" % value for value in (*face.box, face.confidence)),
            *("%.3f" % value for value in face.landmarks.ravel())]


def interpolated(landmarks):
    """The texts in FACE_COLUMNS of a frame whose landmarks are its neighbours'."""
    return ["interpolated"] + [""] * 6 + ["%.3f" % value for value in landmarks.ravel()]


def missing(reason):
    """The texts in FACE_COLUMNS of an image without an aligned face."""
    return ["missing", reason] + [""] * (len(FACE_COLUMNS) - 2)


def earlier_rows(table, record, newest, expected):
    """The rows of `table`, an earlier run's CSV, as a list of `record`s; None where all must be done again.

    That is unless it is as new as `newest`, a time, its rows are those `expected`, and their aligned faces are there.
    record: a namedtuple whose fields end in FACE_COLUMNS; expected: (name of the aligned PNG without .png, the fields
    before the status), a row each.
    """
    try:
        rows = [record(*(row[column] for column in record._fields))
                for row in read_csv(table, record._fields, "make align")]
    except Problem:  # missing, or of another version
        return None
    before = len(record._fields) - len(FACE_COLUMNS)
    if [row[:before] for row in rows] != [fields for _, fields in expected]:
        return None
    if not all((table.parent / (name + ".png")).exists()
               for (name, _), row in zip(expected, rows) if row.status != "missing"):
        return None
    return rows if table.stat().st_mtime >= newest else None
