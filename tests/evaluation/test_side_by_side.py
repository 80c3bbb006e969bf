"""side_by_side.py: the same frames in the same order, by name or by position, or the rows that differ."""
import numpy as np
import pytest

from pain.evaluation import frames, results, side_by_side
from support.predictions import LABEL, PREDICTION, TINY, fails, predictions, read, refuses, write, write_mat


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
