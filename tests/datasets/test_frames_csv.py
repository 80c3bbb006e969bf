"""frames_csv.py: the one reader of frames.csv, for all who learn from it."""
import csv
import functools

import pytest

from pain.baselines.osvr_folds import read_videos
from pain.datasets.folds import read_subjects
from pain.datasets.frames_csv import COLUMNS, LabelledFrame, read_frames
from pain.errors import Problem
from support.project import assert_one_line_error, run_tool

ROWS = [["s1", "v1", "f1", "0", "detected"], ["s1", "v1", "f2", "4", "missing"],
        ["s2", "v é 1", "f.1", "9", "interpolated"]]


@pytest.fixture
def write(tmp_path):
    def write(rows):
        with open(str(tmp_path / "frames.csv"), "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([COLUMNS, *rows])
        return tmp_path / "frames.csv"
    return write


def test_every_frame_is_given(write):
    rows = [dict(zip(COLUMNS, row)) for row in ROWS]
    frames = list(read_frames(write(ROWS)))
    assert frames == [
        LabelledFrame("s1", "v1", "f1", 0, True, rows[0]), LabelledFrame("s1", "v1", "f2", 4, False, rows[1]),
        LabelledFrame("s2", "v é 1", "f.1", 5, True, rows[2])]
    assert frames[2].image == "s2/v é 1/f.1.png"


@pytest.mark.parametrize("read", [lambda path: list(read_frames(path)), functools.partial(read_subjects, rule="code"),
                                  read_videos])
@pytest.mark.parametrize("row, words", [
    (["/../../x", "v", "f", "0", "detected"], "line 5: subject '/../../x' is no name for a file or folder"),
    (["..", "v", "f", "0", "missing"], r"line 5: subject '\.\.' is no name"),
    (["s1", "", "f", "0", "detected"], "line 5: video '' is no name"),
    (["s1", "v1", "a\\b", "0", "detected"], "line 5: frame .* is no name"),
    (["s1", "v1", "a\tb", "0", "detected"], "line 5: frame .* is no name"),
    (["s1", "v1", 151 * "x", "0", "detected"], "line 5: frame .* is no name"),
    (["s1", "v1", "f2", "4", "detected"], "line 5: frame s1/v1/f2 is listed twice"),
    (["s1", "v1", "f3", "17", "missing"], "line 5: label '17'"),
    (["s1", "v1", "f3", "0", "found"], "line 5: status 'found'")])
def test_bad_rows_are_refused_by_whoever_reads_them(write, read, row, words):
    with pytest.raises(Problem, match=words):
        read(write([*ROWS, row]))


def test_so_they_are_by_import_aus(write, tmp_path):
    assert_one_line_error(run_tool("import_aus.py", tmp_path, "--frames", write([*ROWS, ROWS[0]])), "s1/v1/f1", "twice")
