"""results.py: what is read, what is refused with which rows, and what is made of results."""
import numpy as np
import pytest

from pain.evaluation import frames, results
from pain.evaluation.results import COLUMNS
from support.predictions import TINY, fails, read, refuses, tree, write, write_mat


def test_missing_files(tmp_path):
    assert "no/such.csv: no such file" in fails("no/such.csv") and "make predict" in refuses(tmp_path / "models")
    assert "no/such.mat: No such file" in refuses("no/such.mat")
    assert "no predictions.csv" in fails(tmp_path) and "make predict" in refuses(tmp_path)


@pytest.mark.parametrize("text, words", [
    ("", "no column subject"),
    (",".join(COLUMNS) + "\n", "no rows"), ("subject,video,frame,label\na,v,f,0\n", "no column prediction"),
    (",".join(COLUMNS) + "\na,v,f,0\n", "line 2"), ("\x00\x01\n", "predictions.csv")])
def test_files_that_are_no_predictions(tmp_path, text, words):
    (tmp_path / "predictions.csv").write_text(text)
    assert words in refuses(tmp_path)


def test_more_columns_another_order_and_a_byte_order_mark(tmp_path):
    text = "\ufeffprediction,note,frame,video,label,subject\r\n0.5,x,f1,v,1,a\r\n\r\n2,y,f2,v,2,a\r\n"
    (tmp_path / "theirs.csv").write_bytes(text.encode("utf-8"))
    video, = results.read_result(tmp_path / "theirs.csv").videos
    assert video[:2] == ("a", "v") and video.frames.tolist() == ["f1", "f2"] and video.label.tolist() == [1, 2]
    assert video.prediction.tolist() == [0.5, 2]
    assert video.place % video.rows[1] == "%s: line 4" % (tmp_path / "theirs.csv")


@pytest.mark.parametrize("column, value, words", [
    *((3, value, "label is not a number 0..5") for value in ("6", "-1", "5.01", "nan", "", "pain")),
    *((4, value, "prediction is not a finite number") for value in ("nan", "inf", "-inf", "1e99", "", "high"))])
def test_bad_values(tmp_path, column, value, words):
    rows = [list(row) for row in TINY]
    rows[3][column] = value
    path = write(tmp_path / "predictions.csv", rows)
    assert "%s: line 5: the %s" % (path, words) in refuses(path)
    if value == "nan":
        assert words in fails(path)


def test_bad_values_name_all_their_rows(tmp_path):
    rows = [list(row) for row in TINY]
    for i in 1, 3:
        rows[i][4] = "nan"
    assert "predictions.csv: lines 3, 5: the prediction" in refuses(write(tmp_path / "predictions.csv", rows))
    rows = [[*row[:3], 7, row[4]] for row in TINY]
    assert "predictions.csv: lines 2, 3, 4 and 3 more: the label is not a number 0..5" in refuses(
        write(tmp_path / "predictions.csv", rows))
    path = write_mat(tmp_path / "x.mat", [np.array([[0, 9, 8]])], [np.array([[0, 1, 2]])])
    assert "x.mat: cell 1, frames 2, 3: the label" in refuses(path)


def test_a_frame_twice(tmp_path):
    line = fails(write(tmp_path / "predictions.csv", TINY + TINY[2:3]))
    assert "predictions.csv: line 8: subject a, video w, frame f1 again" in line and "line 4" in line
    tree(tmp_path / "models" / "mse"), tree(tmp_path / "models" / "smooth_l1")
    assert "give each result its own folder" in refuses(tmp_path / "models")
    for name, rows in ("1", TINY[:1]), ("2", TINY[1:]):
        write(tmp_path / "half" / name / "predictions.csv", rows)
    assert "line 2: subject a, video v is in %s, too" % (tmp_path / "half/1/predictions.csv") in refuses(
        tmp_path / "half")


def test_subjects_with_pain(tmp_path):
    assert frames.subject_names(results.with_pain(read(tmp_path / "one.csv", TINY))) == ["a"]
    assert "no subject shows pain" in refuses(write(tmp_path / "two.csv", TINY[4:]), "--subjects", "pain")


def test_pspi(tmp_path):
    rows = [("a", "v", "f%d" % i, i, i + 0.49) for i in range(17)] + [("b", "v", "f", 16, 99.5)]
    path = write(tmp_path / "pspi.csv", rows)
    assert "lines 8, 9, 10 and 9 more: the label is not a number 0..5" in refuses(path)
    result = results.read_result(path, 16)
    assert result.videos[0].label.tolist() == list(range(17))
    one, two = results.quantised(result).videos
    assert one.label.tolist() == [0, 1, 2, 3, 4, 4] + 11 * [5] == one.prediction.tolist()
    assert two.prediction.tolist() == [5]
    assert "not a number 0..16" in refuses("--pspi", write(tmp_path / "more.csv", [("a", "v", "f", 17, 0)]))
