"""pain.evaluation.diagnosis: confusion, calibration, lag and breakdowns by hand and by other formulas."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pain.evaluation import diagnosis
from support.predictions import result_of

pairs = st.lists(st.tuples(st.integers(0, 5), st.floats(-2, 8)), min_size=1, max_size=30).map(
    lambda rows: tuple(np.array(side) for side in zip(*rows)))
quick = settings(max_examples=30, deadline=None, database=None)


def test_confusion_by_hand():
    counts = diagnosis.confusion(np.array([0, 0, 1, 2, 2]), np.array([0.49, 0.5, -3, 9, 2.5]), 2)
    assert counts.tolist() == [[1, 1, 0], [1, 0, 0], [0, 0, 2]]


def test_labels_that_are_no_integers_belong_to_the_nearest():
    label, prediction = np.array([0.4, 0.5, 1.5, 2]), np.array([0, 1, 1, 3.])
    assert diagnosis.confusion(label, prediction, 2).tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 1]]
    assert diagnosis.by_intensity(label, prediction) == [
        (0, 1, -0.4, 0.4), (1, 1, 0.5, 0.5), (2, 2, 0.25, 0.75)]  # -0.5 and 1 from 1.5 and 2


@quick
@given(pairs)
def test_confusion_counts_every_frame_once(pair):
    counts = diagnosis.confusion(*pair, 5)
    assert counts.sum(axis=1).tolist() == np.bincount(pair[0], minlength=6).tolist() and counts.shape == (6, 6)


def test_reliability_by_hand():
    label, prediction = np.array([0, 1, 2, 5, 5]), np.array([0.1, 0.3, 0.5, 4.9, 7])
    assert diagnosis.reliability(label, prediction, 5) == [
        (pytest.approx(0.2), 0.5, 2), (0.5, 2, 1), (pytest.approx(5.95), 5, 2)]


@quick
@given(pairs)
def test_reliability_and_errors_add_up(pair):
    label, prediction = pair
    bins = diagnosis.reliability(label, prediction, 5)
    assert sum(n for *_, n in bins) == len(label)
    assert sum(p * n for p, _, n in bins) == pytest.approx(prediction.sum(), abs=1e-9)
    assert sum(t * n for _, t, n in bins) == pytest.approx(label.sum())
    rows = diagnosis.by_intensity(label, prediction)
    assert sum(bias * n for _, n, bias, _ in rows) == pytest.approx((prediction - label).sum(), abs=1e-9)
    assert sum(mae * n for *_, n, _, mae in ((c, n, b, m) for c, n, b, m in rows)) == pytest.approx(
        np.abs(prediction - label).sum())


@pytest.mark.parametrize("shift", [-30, -7, -1, 0, 1, 12, 30])
def test_lag_of_a_shifted_curve(shift):
    label = np.zeros(200)
    label[80:110] = np.minimum(5, np.arange(30))
    prediction = 0.3 + 0.5 * np.roll(label, shift)
    assert diagnosis.lag(label, prediction) == shift
    assert diagnosis.lag(prediction, label) == -shift


def test_lag_is_the_largest_of_the_correlations_by_loop():
    random = np.random.RandomState(0)
    for n in 2, 5, 40, 90:
        a, b = random.randint(6, size=n), random.uniform(0, 5, n)
        most = min(diagnosis.LAG, n - 1)
        sums = {k: sum((a[i] - a.mean()) * (b[i + k] - b.mean()) for i in range(n) if 0 <= i + k < n)
                for k in range(-most, most + 1)}
        assert sums[diagnosis.lag(a, b)] == pytest.approx(max(sums.values()))


def test_lag_where_there_is_none():
    assert np.isnan(diagnosis.lag(np.zeros(9), np.arange(9.))) and np.isnan(diagnosis.lag(np.arange(9), np.ones(9)))
    assert np.isnan(diagnosis.lag(np.zeros(1), np.ones(1)))


def test_breakdowns():
    result = result_of([[(0, 0.5), (2, 1)], [(0, 0), (0, 0)]], [[(1, 1)]])
    one, two = diagnosis.by_subject(result)
    assert (one["subject"], one["videos"], one["frames"], one["pain"]) == ("subject 0", 2, 4, 0.25)
    assert (one["mae"], one["mse"], one["bias"]) == (1.5 / 4, 1.25 / 4, -0.5 / 4) and np.isnan(two["pcc"])
    videos = diagnosis.by_video(result)
    assert [(row["video"], row["frames"], row["mae"]) for row in videos] == [
        ("video 0", 2, 0.75), ("video 1", 2, 0), ("video 0", 1, 0)]
    assert videos[0]["lag"] == 0 and np.isnan(videos[1]["lag"])
    assert np.isnan(diagnosis.by_video(result._replace(no_videos="unknown"))[0]["lag"])
