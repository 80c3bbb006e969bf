"""calibration.py: intervals against shares known by construction, and refusals."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pain.errors import Problem
from pain.evaluation.calibration import GRID, Calibration, intervals, shortest
from support.predictions import AUTHORS, write
from support.project import needs_shared


def result(path, subjects):
    """A predictions.csv of {subject: [(label, prediction), ...]}."""
    return write(path / "predictions.csv", [(subject, "v", "f%05d" % i, label, prediction)
                                            for subject, frames in subjects.items()
                                            for i, (label, prediction) in enumerate(frames)])


def frames(prediction, counts):
    """(label, prediction) pairs of so many frames of each label, from 0."""
    return [(label, prediction) for label, count in enumerate(counts) for _ in range(count)]


def test_intervals_are_the_shortest_ones_that_hold_90_percent(tmp_path):
    each = (frames(0.1, [95, 4, 1]) + frames(1.5, [5, 46, 45, 4]) + frames(2.8, [0, 4, 30, 31, 31, 4])
            + frames(4.9, [3, 2, 3, 2, 60, 30]))
    made = Calibration(result(tmp_path, {"a": each, "b": each, "c": each}))
    low, high = made.bounds(np.array([0, 0.1, 1.5, 2.8, 4.9, 5, np.nan]))
    assert low.tolist()[:-1] == [0, 0, 1, 2, 4, 4] and high.tolist()[:-1] == [0, 0, 2, 4, 5, 5]
    assert np.isnan(low[-1]) and np.isnan(high[-1])
    assert (made.frames, made.subjects) == (3 * 400, 3)
    low, high = made.bounds(np.linspace(-1, 6, 50))  # whatever the net may say
    assert np.isfinite(low).all() and np.isfinite(high).all()


def test_bounds_of_noise_are_those_of_its_formula(tmp_path):
    random = np.random.RandomState(0)  # the label is the prediction, give or take less than 1
    frames = [[(int(np.floor(p + random.uniform())), p) for p in random.uniform(0, 5, 4000)] for _ in range(4)]
    made = Calibration(result(tmp_path, dict(zip("abcd", frames))))
    for p in 0.5, 1.5, 2.5, 3.5, 4.5:  # floor(p) and the next one, half of the time each
        assert [float(end) for end in made.bounds(p)] == [np.floor(p), np.floor(p) + 1]


def test_subjects_weigh_alike(tmp_path):
    long, short = frames(0.2, [0, 0, 0, 0, 0, 2000]), frames(0.2, [100])
    subjects = dict([("long", long)] + [("s%d" % i, short) for i in range(12)])
    assert float(Calibration(result(tmp_path / "12", subjects)).bounds(0.2)[1]) == 0  # one of 13, 63 % of the frames
    del subjects["s0"], subjects["s1"], subjects["s2"], subjects["s3"]
    assert float(Calibration(result(tmp_path / "8", subjects)).bounds(0.2)[1]) == 5  # one of 9


@given(st.integers(0, 2 ** 16), st.integers(3, 6))
@settings(max_examples=20, deadline=None)
def test_bounds_rise_and_are_everywhere(seed, subjects):
    random = np.random.RandomState(seed)
    label = random.randint(0, 6, 600)
    low, high = intervals(random.randint(0, subjects, 600), label, np.clip(label + 2 * random.normal(size=600), 0, 5))
    assert len(low) == len(high) == len(GRID) == 51 and (0 <= low).all() and (low <= high).all() and (high <= 5).all()
    assert (np.diff(low) >= 0).all() and (np.diff(high) >= 0).all()


def test_what_is_like_a_rare_prediction():
    subject = np.repeat([0, 1, 2], 1000)
    prediction = np.tile(np.concatenate([np.zeros(900), np.linspace(1, 1.5, 100)]), 3)
    label = np.where(prediction > 0, 3, 0)
    low, high = intervals(subject, label, prediction)
    assert (low[GRID > 1], high[GRID > 1]) == (pytest.approx(3), pytest.approx(3))  # also at 5: the nearest there are
    for few, expected in (40, (0, 5)), (95, (5, 5)):  # too few: the 60, or the 5, that come next count as well
        prediction = np.linspace(0, 4, 3000)
        prediction[:few] = 5
        low, high = intervals(subject, np.where(prediction == 5, 5, 0), prediction)
        assert (low[-1], high[-1]) == expected


@given(st.lists(st.integers(0, 20), min_size=6, max_size=6).filter(any))
def test_shortest_by_trying_all(weight):
    low, high = shortest(np.array(weight, float))
    held = {(a, b): sum(weight[a:b + 1]) for a in range(6) for b in range(a, 6)}
    enough = [ends for ends, some in held.items() if 10 * some >= 9 * sum(weight)]
    assert (low, high) in enough and high - low == min(b - a for a, b in enough)
    assert held[low, high] == max(held[a, b] for a, b in enough if b - a == high - low)


def test_coverage_by_hand(tmp_path):
    usual, odd = frames(0.5, [300, 0, 0]), frames(0.5, [75, 0, 225])
    made = Calibration(result(tmp_path, dict(zip("abcd", [usual, usual, usual, odd]))))
    # Without d all others' labels are 0; without one of the others, a quarter is d's 2.
    assert made.coverage() == {"a": 1, "b": 1, "c": 1, "d": 0.25}
    assert made.check() == ("90 % intervals held 81.2 % of the frames of subjects they were not made from (25.0..100.0 "
                            "over 4 subjects)")


@needs_shared
def test_intervals_hold_for_the_authors_subjects():
    made = Calibration(AUTHORS)
    shares = list(made.coverage().values())
    assert len(shares) == made.subjects == 25 and made.frames == 48391
    assert 0.88 < np.mean(shares) < 0.96
    low, high = made.bounds(made.prediction)
    assert ((low <= made.label) & (made.label <= high)).mean() >= 0.9


@pytest.mark.parametrize("subjects, words", [
    ({"a": 100, "b": 100, "c": 100}, "300 frames of 3 subjects are too few"),
    ({"a": 900, "b": 900}, "1800 frames of 2 subjects are too few"), ({}, "no such file")])
def test_too_few(tmp_path, subjects, words):
    path = tmp_path / "predictions.csv"
    if subjects:
        result(tmp_path, {subject: frames(1, [count]) for subject, count in subjects.items()})
    with pytest.raises(Problem, match=words):
        Calibration(path)


def test_a_folder_is_one_result(tmp_path):
    for subject in "abc":
        result(tmp_path / subject, {subject: frames(1, [100, 100])})
    assert Calibration(tmp_path).frames == 600
