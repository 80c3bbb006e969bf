"""pain.evaluation.results: what is read, what is refused with which rows, and results put side by side."""
import numpy as np
import pytest
from scipy.io import savemat

from pain.evaluation import frames, results, side_by_side
from pain.evaluation.results import COLUMNS
from support.predictions import LABEL, PREDICTION, TINY, cells, fails, refuses, tool, tree, write, write_mat

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


def test_more_columns_another_order_and_a_byte_order_mark(tmp_path):
    text = "\ufeffprediction,note,frame,video,label,subject\r\n0.5,x,f1,v,1,a\r\n\r\n2,y,f2,v,2,a\r\n"
    (tmp_path / "theirs.csv").write_bytes(text.encode("utf-8"))
    video, = results.read_result(tmp_path / "theirs.csv").videos
    assert video[:2] == ("a", "v") and video.frames.tolist() == ["f1", "f2"] and video.label.tolist() == [1, 2]
    assert video.prediction.tolist() == [0.5, 2]
    assert video.place % video.rows[1] == "%s: line 4" % (tmp_path / "theirs.csv")


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


def test_bad_values_name_all_their_rows(tmp_path):
    rows = [list(row) for row in TINY]
    for i in 1, 3:
        rows[i][4] = "nan"
    assert "predictions.csv: lines 3, 5: the prediction" in refuses(write(tmp_path / "predictions.csv", rows))
    rows = [[*row[:3], 7, row[4]] for row in TINY]
    assert "predictions.csv: lines 2, 3, 4 and 3 more: the label is not an integer 0..5" in refuses(
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
    assert "cell 1, frames 1, 2: the prediction" in refuses(write_mat(path, [two], [two + np.nan]))
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


# Results side by side.

def read(path, rows):
    return results.read_result(write(path, rows))


def predictions(result):
    return np.concatenate([video.prediction for video in result.videos]).tolist()


def test_frames_are_matched_by_name(tmp_path):
    other = [(*row[:4], -i) for i, row in enumerate(TINY)]
    one, two = side_by_side.side_by_side([read(tmp_path / "one.csv", TINY), read(tmp_path / "two.csv", other[::-1])])
    assert predictions(one) == PREDICTION.tolist() and predictions(two) == [0, -1, -2, -3, -4, -5]
    assert [video[:2] for video in two.videos] == [("a", "v"), ("a", "w"), ("b", "x")]


def test_frames_are_sorted_by_number(tmp_path):
    rows = [("b", "v", "f%d" % i, 0, i) for i in (10, 9, 100)] + [("a", "v", "only", 1, 0)]
    result, = side_by_side.side_by_side([read(tmp_path / "one.csv", rows)])
    assert predictions(result) == [0, 9, 10, 100]
    assert frames.in_order(result.videos[1]).frames.tolist() == [9, 10, 100]


def test_numbers_of_any_length_are_frame_names(tmp_path):
    digits = "123456789" * 5
    result = read(tmp_path / "one.csv", [("a", "v", digits + str(i), 0, i) for i in (3, 2)])
    assert frames.in_order(result.videos[0]).prediction.tolist() == [2, 3]


@pytest.mark.parametrize("index", [True, False])
def test_mat_and_csv_are_matched_by_position(tmp_path, index):
    rows = [("z", *row[1:]) if row[0] == "a" else row for row in TINY]  # b comes before z
    mat = write_mat(tmp_path / "x.mat", [LABEL[4:], LABEL[:4]], [-PREDICTION[4:], -PREDICTION[:4]],
                    [np.array([2]), np.array([2, 2])] if index else None)
    mat, csv = side_by_side.side_by_side([results.read_result(mat), read(tmp_path / "ours.csv", rows)])
    assert predictions(mat) == (-PREDICTION[[4, 5, 0, 1, 2, 3]]).tolist()
    assert [video[:3] for video in map(lambda v: v._replace(frames=0), mat.videos)] == [
        video[:3] for video in map(lambda v: v._replace(frames=0), csv.videos)]
    assert mat.named and not mat.no_videos and mat.name == "x"


@pytest.mark.parametrize("rows, words", [
    (TINY[:4], "one.csv: lines 6, 7: subject b is not in {two}; compare results of the same frames"),
    ([*TINY, ("c", "v", "f", 0, 0)], "two.csv: line 8: subject c is not in {one}"),
    ([*TINY[:4], ("b", "y", "f1", 0, 0)], "two.csv: line 6: subject b, video y is not in {one}"),
    (TINY[:5], "one.csv: line 7: subject b, video x, frame f2 is not in {two}"),
    ([*TINY[:5], ("b", "x", "f2", 3, 0)],
     "two.csv: line 7: subject b, video x: label 3, but in {one}: line 7 it is 0")])
def test_other_frames_are_refused_with_their_rows(tmp_path, rows, words):
    one, two = write(tmp_path / "one.csv", TINY), write(tmp_path / "two.csv", rows)
    words = words.format(one=one, two=two)
    assert words in refuses(one, two, "--compare", "mae")
    if rows is TINY[:4]:
        assert words in fails(one, two, "--compare", "mae")


@pytest.mark.parametrize("labels, words", [
    ([LABEL], "1 subjects, but"), ([LABEL[:3], LABEL[4:]], "3 frames from"),
    ([np.array([0, 1, 0, 4]), LABEL[4:]], "x.mat: cell 1, frame 4: subject a, video w: label 4, but in")])
def test_mats_of_other_frames_are_refused(tmp_path, labels, words):
    mat = write_mat(tmp_path / "x.mat", labels, [label * 1. for label in labels])
    assert words in refuses(write(tmp_path / "ours.csv", TINY), mat, "--compare", "mae")


# What is made of results.

def test_trivial_results(tmp_path):
    result = read(tmp_path / "one.csv", TINY)
    assert predictions(results.all_zeros(result)) == 6 * [0]
    assert predictions(results.all_mean(result)) == 4 * [0] + 2 * [6 / 4]  # the mean of the others
    assert results.all_mean(read(tmp_path / "lone.csv", TINY[:4])) is None


def test_subjects_with_pain(tmp_path):
    assert frames.subject_names(results.with_pain(read(tmp_path / "one.csv", TINY))) == ["a"]
    assert "no subject shows pain" in refuses(write(tmp_path / "two.csv", TINY[4:]), "--subjects", "pain")


def test_pspi(tmp_path):
    rows = [("a", "v", "f%d" % i, i, i + 0.49) for i in range(17)] + [("b", "v", "f", 16, 99.5)]
    path = write(tmp_path / "pspi.csv", rows)
    assert "lines 8, 9, 10 and 9 more: the label is not an integer 0..5" in refuses(path)
    result = results.read_result(path, 16)
    assert result.videos[0].label.tolist() == list(range(17))
    one, two = results.quantised(result).videos
    assert one.label.tolist() == [0, 1, 2, 3, 4, 4] + 11 * [5] == one.prediction.tolist()
    assert two.prediction.tolist() == [5]
    assert "not an integer 0..16" in refuses("--pspi", write(tmp_path / "more.csv", [("a", "v", "f", 17, 0)]))
