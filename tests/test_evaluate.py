"""tools/evaluate.py: the authors' figures, each metric against another formula, and what a user can get wrong."""
import contextlib
import csv
import io
import json
import os
import sys
from unittest import mock

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.io import savemat
from scipy.stats import pearsonr

import cli
import evaluate
from conftest import ROOT, SHARED, assert_one_line_error, needs_shared, run_tool
from evaluate import COLUMNS, METRICS, icc, mae, mse, pcc, wmae, wmse

AUTHORS = SHARED / "authors" / "6-vanilla-sigmoid.mat"

# Two subjects, three videos: errors of 1 0 (predictions constant), 1.5 0.5, and 0.5 0.5 (labels constant).
TINY = [("a", "v", "f1", 0, 1.0), ("a", "v", "f2", 1, 1.0), ("a", "w", "f1", 0, 1.5), ("a", "w", "f2", 5, 4.5),
        ("b", "x", "f1", 0, 0.5), ("b", "x", "f2", 0, -0.5)]
LABEL = np.array([row[3] for row in TINY])
PREDICTION = np.array([row[4] for row in TINY])


def write(path, rows, columns=COLUMNS):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(str(path), "w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def cells(arrays):
    cell = np.empty((len(arrays), 1), object)
    for i, array in enumerate(arrays):
        cell[i, 0] = array
    return cell


def write_mat(path, labels, predictions, counts=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(str(path), {"ground_truth": cells(labels), "predict": cells(predictions)})
    if counts:
        savemat(str(path.with_name("video_index.mat")), {"video_index": cells(counts)})
    return path


def tool(*arguments):
    return run_tool("evaluate.py", *arguments)


def fails(*arguments):
    """The one line with which the program refuses `arguments`."""
    done = tool(*arguments)
    assert_one_line_error(done, "evaluate.py: ")
    assert done.stdout == ""
    return done.stderr


def refuses(*arguments, main=evaluate.main):
    """The same within this process, which is quicker."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as error:
        with mock.patch.object(sys, "argv", ["tool.py", *map(str, arguments)]), pytest.raises(SystemExit) as end:
            cli.run(main)
    assert end.value.code == 2 and out.getvalue() == "" and error.getvalue().count("\n") == 1
    return error.getvalue()


def rows_of(*arguments):
    done = tool(*arguments, "--json", "-")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return json.loads(done.stdout, parse_constant=lambda name: pytest.fail("%s is no JSON" % name))


# The authors' results.

@needs_shared
def test_published_figures():
    row, zeros = rows_of(AUTHORS)
    assert ["%.3f" % row[m] for m in ("mae", "mse", "pcc", "wmae", "wmse")] == "0.416 1.060 0.524 1.596 4.395".split()
    assert ["%.3f" % zeros[m] for m in ("mae", "mse", "wmae", "wmse")] == "0.438 1.353 2.143 7.387".split()
    assert (row["name"], zeros["name"], zeros["pcc"]) == ("6-vanilla-sigmoid", "all zeros", None)
    assert row["over"] == dict(mae=25, mse=25, pcc=24, icc=25, wmae=25, wmse=25)
    assert zeros["over"] == dict(mae=25, mse=25, pcc=0, icc=24, wmae=25, wmse=25)


@needs_shared
def test_tables_name_protocol_sizes_and_sources():
    lines = tool(AUTHORS).stdout.splitlines()
    assert lines[0] == "Table 1. Protocol subject, means over subjects: 25 subjects, 200 videos, 48391 frames"
    assert lines[1].split() == ["MAE", "MSE", "PCC", "ICC"]
    assert lines[2].split()[:5] == ["6-vanilla-sigmoid", "measured", "0.416", "1.060", "0.524"]
    assert lines[2].endswith("left out: PCC 1 of 25")
    assert lines[3].split()[:5] == ["all", "zeros", "measured", "0.438", "1.353"] and lines[3].split()[5] == "-"
    assert [line.split() for line in lines if line.startswith("smooth l1 + l1 center loss  ")] == [
        "smooth l1 + l1 center loss quoted 0.456 0.804 0.651 -".split(),
        "smooth l1 + l1 center loss quoted 1.289 2.880".split()]
    assert [sum(name in line for line in lines) for name in ("OSVR-l1", "OSVR-l2", "RCR", "sampling")] == [2, 2, 1, 2]


@needs_shared
def test_videos_of_the_authors():
    row, zeros = rows_of(AUTHORS, "--protocol", "video")
    assert row["over"]["mae"] == 200 and row["over"]["pcc"] == 200 - 121 and zeros["over"]["icc"] == 200 - 121


# Each metric against another formula.

pairs = st.lists(st.tuples(st.integers(0, 5), st.floats(-1, 6)), min_size=2, max_size=30).map(
    lambda rows: (np.array([row[0] for row in rows]), np.array([row[1] for row in rows])))
quick = settings(max_examples=60, deadline=None, database=None)


def same(a, b):
    return np.isnan(a) and np.isnan(b) or np.isclose(a, b, rtol=1e-6, atol=1e-9)


@quick
@given(pairs)
def test_errors_by_loop(pair):
    label, prediction = pair
    n, classes = len(label), sorted(set(label))
    absolute = [abs(p - t) for t, p in zip(label.tolist(), prediction.tolist())]
    assert same(mae(*pair), sum(absolute) / n)
    assert same(mse(*pair), sum(e * e for e in absolute) / n)
    for metric, power in (wmae, 1), (wmse, 2):
        of_class = [[e ** power for e, t in zip(absolute, label) if t == c] for c in classes]
        assert same(metric(*pair), sum(sum(e) / len(e) for e in of_class) / len(classes))


@quick
@given(pairs)
def test_correlations_by_other_formulas(pair):
    label, prediction = pair
    assume(label.std() > 0 and prediction.std() > 1e-3)
    assert same(pcc(*pair), pearsonr(*pair)[0])
    n, (mean_t, mean_p) = len(label), (sum(label) / len(label), sum(prediction) / len(label))
    covariance = sum((t - mean_t) * (p - mean_p) for t, p in zip(label, prediction)) / (n - 1)
    assert same(icc(*pair), 2 * covariance / (label.var(ddof=1) + prediction.var(ddof=1)))
    assert abs(icc(*pair)) <= abs(pcc(*pair)) + 1e-9  # the geometric mean is at most the arithmetic one


@quick
@given(pairs, st.permutations(range(30)))
def test_order_does_not_matter(pair, order):
    order = [i for i in order if i < len(pair[0])]
    for metric in METRICS.values():
        assert same(metric(*pair), metric(pair[0][order], pair[1][order]))


@quick
@given(pairs, st.floats(0.1, 10), st.floats(-5, 5))
def test_scales_and_shifts(pair, scale, shift):
    label, prediction = pair
    assume(prediction.std() > 1e-3)
    assert same(pcc(label, scale * prediction + shift), pcc(*pair))
    assert same(pcc(label, -prediction), -pcc(*pair))
    for metric, power in (mae, 1), (mse, 2), (icc, 0):
        assert same(metric(scale * label + shift, scale * prediction + shift), scale ** power * metric(*pair))
        assert same(metric(*pair), metric(prediction, label))
    assert same(mse(*pair), prediction.var() + label.var() - 2 * np.cov(*pair, bias=True)[0, 1]
                + (prediction.mean() - label.mean()) ** 2)


@quick
@given(st.lists(st.floats(-1, 6), min_size=6, max_size=6), st.integers(1, 5))
def test_balanced_classes_need_no_weights(prediction, times):
    label, prediction = np.repeat(np.arange(6), times), np.repeat(prediction, times)
    assert same(wmae(label, prediction), mae(label, prediction))
    assert same(wmse(label, prediction), mse(label, prediction))


@quick
@given(st.lists(st.floats(-1, 6), min_size=1, max_size=9))
def test_undefined_is_nan(prediction):
    constant = np.full(len(prediction), 0.1)  # whose mean is not always 0.1
    assert np.isnan(pcc(constant, prediction)) and np.isnan(pcc(prediction, constant))
    assert np.isnan(icc(constant, constant + 1))
    assert np.isnan(icc(constant, prediction)) == (len(set(prediction)) == 1) or np.std(prediction) < 1e-100


def test_integers_do_not_wrap_around():
    label, prediction = np.array([5, 0, 1], np.uint8), np.array([0, 5, 1], np.uint8)
    assert mae(label, prediction) == 10 / 3 and mse(label, prediction) == 50 / 3
    assert pcc(label, prediction) == pytest.approx(-11 / 14) and wmae([0, 0, 1], [1, 0, 3]) == 1.25


# Protocols, by hand.

BY_HAND = {
    "subject": dict(mae=(3 / 4 + 0.5) / 2, mse=(3.5 / 4 + 0.25) / 2, wmae=((1.25 + 0 + 0.5) / 3 + 0.5) / 2,
                    wmse=((1.625 + 0 + 0.25) / 3 + 0.25) / 2),
    "video": dict(mae=(0.5 + 1 + 0.5) / 3, mse=(0.5 + 1.25 + 0.25) / 3, wmae=(0.5 + 1 + 0.5) / 3,
                  wmse=(0.5 + 1.25 + 0.25) / 3),
    "pooled": dict(mae=4 / 6, mse=4 / 6, wmae=(3.5 / 4 + 0 + 0.5) / 3, wmse=(3.75 / 4 + 0 + 0.25) / 3),
}
UNITS = {"subject": [slice(0, 4), slice(4, 6)], "video": [slice(0, 2), slice(2, 4), slice(4, 6)],
         "pooled": [slice(0, 6)]}


@pytest.mark.parametrize("protocol", UNITS)
def test_protocols_by_hand(protocol, tmp_path):
    result = evaluate.read_result(write(tmp_path / "tiny" / "predictions.csv", TINY))
    row = evaluate.evaluate(result, protocol)
    assert {metric: row[metric] for metric in BY_HAND[protocol]} == pytest.approx(BY_HAND[protocol])
    assert row["pcc"] == pytest.approx(np.mean([np.corrcoef(LABEL[u], PREDICTION[u])[0, 1] for u in UNITS[protocol]
                                                if np.ptp(LABEL[u]) and np.ptp(PREDICTION[u])]))
    assert row["over"] == dict(dict.fromkeys(METRICS, len(UNITS[protocol])), pcc=1)
    zeros = evaluate.evaluate(evaluate.all_zeros(result, "zeros"), protocol)
    assert zeros["mae"] == pytest.approx(np.mean([LABEL[u].mean() for u in UNITS[protocol]]))
    assert np.isnan(zeros["pcc"]) and zeros["over"]["pcc"] == 0


@pytest.mark.parametrize("protocol", UNITS)
def test_mat_and_csv_of_the_same_frames_agree(protocol, tmp_path):
    table = write(tmp_path / "tiny.csv", TINY)
    for shape in (1, -1), (-1, 1):
        for dtype in np.uint8, np.int16, np.float32, np.float64:
            mat = write_mat(tmp_path / "tiny.mat", [LABEL[:4].astype(dtype).reshape(shape), LABEL[4:].reshape(shape)],
                            [PREDICTION[:4].astype(np.float32).reshape(shape), PREDICTION[4:].reshape(shape)],
                            [np.array([[2], [2]], np.uint16), np.array([[2]], np.uint16)])
            a, b = (evaluate.evaluate(evaluate.read_result(path), protocol) for path in (table, mat))
            assert a == b
    savemat(str(mat), {"ground_truth": cells(np.split(LABEL, [4])).T, "predict": cells(np.split(PREDICTION, [4])).T})
    assert evaluate.evaluate(evaluate.read_result(mat), protocol) == a


# What comes out.

def tree(folder, rows=TINY):
    """`rows` as a folder of a predictions.csv a subject."""
    for subject in sorted({row[0] for row in rows}):
        write(folder / ("01-%s" % subject) / "predictions.csv", [row for row in rows if row[0] == subject])
    return folder


def test_json_csv_and_names(tmp_path):
    folder = tree(tmp_path / "models" / "smooth_l1_center_l2")
    single = write(tmp_path / "single.csv", TINY)
    rows = rows_of(folder, single, str(single.parent / "." / single.name), "--csv", tmp_path / "new" / "rows.csv")
    assert [row["name"] for row in rows] == ["smooth l1 + l2 center loss", "single", "all zeros"]
    assert all(list(row) == ["name", "protocol", *METRICS, "over"] for row in rows)
    assert dict(rows[0], name="") == dict(rows[1], name="") and rows[2]["pcc"] is None and rows[2]["over"]["pcc"] == 0
    with open(str(tmp_path / "new" / "rows.csv"), newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["name"] for row in table] == [row["name"] for row in rows] and table[2]["pcc"] == ""
    assert all(float(line[m]) == row[m] and int(line["over_" + m]) == row["over"][m]
               for line, row in zip(table[:2], rows) for m in METRICS)
    done = tool(folder, "--json", tmp_path / "rows.json")
    assert done.stdout.startswith("Table 1. Protocol subject, means over subjects: 2 subjects, 3 videos, 6 frames\n")
    assert json.loads((tmp_path / "rows.json").read_text()) == [rows[0], rows[2]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["models", "new", "rows.json", "single.csv"]


def test_every_variant_has_the_name_of_its_row():
    solvers = {path.stem for path in (ROOT / "prototxt" / "solvers").glob("*.prototxt")}
    assert solvers <= set(evaluate.NAMES) and len(evaluate.NAMES) == 7


def test_same_names_are_told_apart_by_path(tmp_path):
    one, two = tree(tmp_path / "one" / "mse"), tree(tmp_path / "two" / "mse")
    assert [row["name"] for row in rows_of(one, two)] == ["mse (%s)" % one, "mse (%s)" % two, "all zeros"]


def test_all_zeros_for_each_ground_truth(tmp_path):
    whole, part, again = tree(tmp_path / "whole"), tree(tmp_path / "part", TINY[:4]), tree(tmp_path / "again")
    rows = rows_of(whole, part, again)
    assert [row["name"] for row in rows[3:]] == ["all zeros (whole, again)", "all zeros (part)"]
    assert rows[3]["mae"] == 1.5 / 2 and rows[4]["mae"] == 1.5
    assert tool(whole, part).stdout.splitlines()[0].endswith(
        "2 subjects, 3 videos, 6 frames (whole); 1 subject, 2 videos, 4 frames (part)")


# What a user can get wrong.

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


@pytest.mark.parametrize("column, value, words", [
    *((3, value, "label is not an integer 0..5") for value in ("6", "-1", "2.5", "nan", "", "pain")),
    *((4, value, "prediction is not a finite number") for value in ("nan", "inf", "-inf", "1e99", "", "high"))])
def test_bad_values(tmp_path, column, value, words):
    rows = [list(row) for row in TINY]
    rows[3][column] = value
    path = write(tmp_path / "predictions.csv", rows)
    assert "%s: line 5: the %s" % (path, words) in refuses(path)
    if value == "nan":
        assert words in fails(path)


def test_a_frame_twice(tmp_path):
    line = fails(write(tmp_path / "predictions.csv", TINY + TINY[2:3]))
    assert "predictions.csv: line 8: subject a, video w, frame f1 again" in line and "line 4" in line
    tree(tmp_path / "models" / "mse"), tree(tmp_path / "models" / "smooth_l1")
    assert "give each result its own folder" in refuses(tmp_path / "models")


HDF5 = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(64)


@pytest.mark.parametrize("content, words", [
    (b"", "not a readable MATLAB file"), (b"subject,video\n", "not a readable MATLAB file"),
    (b"\xff" * 4000, "not a readable MATLAB file"), (HDF5, "a MATLAB 7.3 (HDF5) file; save it in MATLAB with -v7")])
def test_files_that_are_no_mat(tmp_path, content, words):
    (tmp_path / "x.mat").write_bytes(content)
    assert words in refuses(tmp_path / "x.mat")
    assert words in fails(tmp_path / "x.mat")


def test_mats_that_do_not_fit(tmp_path):
    path, two, three = tmp_path / "x.mat", np.array([[0, 1]]), np.array([[0, 1, 2]])
    savemat(str(path), {"ground_truth": cells([two])})
    assert "no cells named predict" in refuses(path)
    savemat(str(path), {"ground_truth": two, "predict": two})
    assert "no cells named ground_truth" in refuses(path)
    assert "cell 2 has 3 labels but 0 predictions" in refuses(write_mat(path, [two, three], [two]))
    assert "cell 2 has 3 labels but 2 predictions" in fails(write_mat(path, [two, three], [two, two]))
    assert "cell 1, frame 2: the label" in refuses(write_mat(path, [two * 7], [two]))
    assert "cell 1, frame 1: the prediction" in refuses(write_mat(path, [two], [two + np.nan]))
    for odd in np.eye(2), np.zeros((1, 0)), "text", cells([two]), two * 1j:
        assert "cell 1 of predict is not a row of numbers" in refuses(write_mat(path, [two], [odd]))


def test_video_index_that_does_not_fit(tmp_path):
    path = write_mat(tmp_path / "x.mat", [np.array([[0, 1, 2]])], [np.array([[0, 1, 1.5]])])
    assert "video_index.mat: no such file" in refuses(path, "--protocol", "video")
    for counts in [[1, 1]], [[3], [1]], [[4, -1]], [[1.5, 1.5]], [[np.nan]]:
        write_mat(path, [np.array([[0, 1, 2]])], [np.array([[0, 1, 1.5]])], [np.array([count]) for count in counts])
        assert "do not add up" in refuses(path, "--protocol", "video")
    assert "do not add up" in fails(path, "--protocol", "video")
    assert tool(path).stdout.splitlines()[0].endswith(": 1 subject, 3 frames")  # which needs no videos
