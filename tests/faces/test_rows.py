"""rows.py: how a face stands in frames.csv and faces.csv, and when an earlier run's rows will do."""
import os
from collections import namedtuple

import numpy as np
import pytest

from pain.faces.detector import Face
from pain.faces.rows import FACE_COLUMNS, detected, earlier_rows, interpolated, missing
from pain.files import write_csv

Row = namedtuple("Row", ("name", "bytes", *FACE_COLUMNS))
FACE = Face(np.array([10.5, 20, 100, 120.25]), 0.98765, np.arange(10).reshape(5, 2) + 0.12345)


def test_every_fate_fills_all_columns():
    found, between, none = detected(FACE), interpolated(FACE.landmarks), missing("black")
    assert len(found) == len(between) == len(none) == len(FACE_COLUMNS) == 17
    by_column = dict(zip(FACE_COLUMNS, found))
    assert (by_column["status"], by_column["reason"], by_column["box_x"], by_column["box_height"]) == (
        "detected", "", "10.5", "120.2")
    assert (by_column["confidence"], by_column["left_eye_x"], by_column["mouth_right_y"]) == (
        "0.9877", "0.123", "9.123")
    assert between[:7] == ["interpolated"] + 6 * [""] and between[7:] == found[7:]
    assert none == ["missing", "black"] + 15 * [""]


@pytest.fixture
def table(tmp_path):
    """An earlier run's table of two faces, one of which was found, changed at the time 1000."""
    write_csv(tmp_path / "faces.csv", Row._fields, [Row("a", "7", *detected(FACE)), Row("b", "8", *missing("black"))])
    (tmp_path / "a.png").touch()
    os.utime(str(tmp_path / "faces.csv"), (1000, 1000))
    return tmp_path / "faces.csv"


EXPECTED = [("a", ("a", "7")), ("b", ("b", "8"))]


def test_rows_of_an_earlier_run(table):
    first, second = earlier_rows(table, Row, 1000, EXPECTED)
    assert (first.name, first.status, second.status, second.reason) == ("a", "detected", "missing", "black")


def test_what_has_changed_is_done_again(table):
    assert earlier_rows(table, Row, 1001, EXPECTED) is None  # newer images
    assert earlier_rows(table, Row, 1000, EXPECTED[:1]) is None  # one less
    assert earlier_rows(table, Row, 1000, [EXPECTED[0], ("b", ("b", "9"))]) is None  # another size
    assert earlier_rows(table, namedtuple("Other", (*Row._fields, "new")), 1000, EXPECTED) is None  # another version
    assert earlier_rows(table.with_name("none.csv"), Row, 1000, EXPECTED) is None
    (table.parent / "a.png").unlink()
    assert earlier_rows(table, Row, 1000, EXPECTED) is None
