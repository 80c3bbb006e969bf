"""Filters over time: against SciPy's at a steady rate, and against formulas where it is none."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from pain.errors import Problem
from pain.video.curve import no_face
from pain.video.smoothing import smooth
from support.curves import curve, row, times_and_values


def smoothed(rows, kind, seconds):
    return np.array([one.smoothed for one in smooth(rows, kind, seconds)])


def test_gaussian_is_scipys_at_a_steady_rate():
    values = np.random.RandomState(0).uniform(0, 5, 300)
    ours = smoothed(curve(np.arange(300) / 50, values), "gaussian", 0.1)  # 5 frames
    assert ours[25:-25] == pytest.approx(ndimage.gaussian_filter1d(values, 5)[25:-25], abs=1e-9)
    values[100:130] = np.nan  # normalised convolution: what is missing weighs nothing
    there = ~np.isnan(values)
    expected = (ndimage.gaussian_filter1d(np.where(there, values, 0), 5)
                / np.maximum(ndimage.gaussian_filter1d(there.astype(float), 5), 1e-12))
    ours = smoothed(curve(np.arange(300) / 50, values), "gaussian", 0.1)
    assert np.isnan(ours).tolist() == (~there).tolist()
    assert ours[25:-25][there[25:-25]] == pytest.approx(expected[25:-25][there[25:-25]], abs=1e-9)


def test_gaussian_is_of_time_and_not_of_frames():
    times = np.concatenate([np.arange(0, 10, 0.01), np.arange(10, 20, 0.1)])  # the rate falls to a tenth
    ours = smoothed(curve(times, 2.5 + 2 * np.sin(2 * times)), "gaussian", 0.3)
    inside = (times > 1.5) & (times < 18.5)
    damped = 2.5 + 2 * np.exp(-(2 * 0.3) ** 2 / 2) * np.sin(2 * times)  # what a Gaussian leaves of a sine
    assert np.abs(ours - damped)[inside].max() < 0.02
    assert np.abs(ours - 2.5 - 2 * np.sin(2 * times))[inside].max() > 0.3


def test_median_is_scipys_at_a_steady_rate_and_drops_a_spike():
    values = np.random.RandomState(1).uniform(0, 5, 200)
    ours = smoothed(curve(np.round(np.arange(200) / 30, 6), values), "median", 0.3)  # 4.5 frames either way
    assert ours[9:-9] == pytest.approx(ndimage.median_filter(values, 9)[9:-9])
    spike = np.where(np.arange(50) == 20, 5., 1.)
    assert smoothed(curve(np.arange(50) / 25, spike), "median", 0.2).tolist() == [1.] * 50


@given(times_and_values, st.floats(0.01, 2), st.sampled_from(["gaussian", "median"]))
@settings(max_examples=60, deadline=None)
def test_what_is_missing_stays_missing_and_nothing_leaves_its_range(made, seconds, kind):
    times, values = made[0], np.array(made[1])
    rows = curve(times, values)
    ours, there = smoothed(rows, kind, seconds), ~np.isnan(values)
    assert np.isnan(ours).tolist() == (~there).tolist()
    assert [one.intensity for one in smooth(rows, kind, seconds)] == pytest.approx(values, nan_ok=True)
    reach = 4 * seconds if kind == "gaussian" else seconds / 2
    for i in np.flatnonzero(there):
        near = values[(np.abs(times - times[i]) <= reach + 1e-4) & there]
        assert near.min() - 1e-9 <= ours[i] <= near.max() + 1e-9
    assert smoothed(curve(times, np.where(there, 3.5, np.nan)), kind, seconds)[there] == pytest.approx(3.5)


@pytest.mark.parametrize("kind, seconds", [("gaussian", 0.2), ("median", 1.6)])  # both reach 0.8 s
def test_runs_mix_unless_the_gap_is_longer_than_the_reach(kind, seconds):
    def both_sides(gap):
        times = np.concatenate([np.arange(5), 4 + round(10 * gap) + np.arange(5)]) / 10
        return smoothed(curve(times, [0.] * 5 + [5.] * 5), kind, seconds)
    assert both_sides(0.9) == pytest.approx([0.] * 5 + [5.] * 5, abs=1e-12)
    assert both_sides(0.3)[4] > 0


def test_people_do_not_mix_and_frames_without_anyone_are_kept():
    rows = [row(0, 0., 0.), row(0, 0., 5., 2), no_face(1, 0.1, 0), row(2, 0.2, 5., 2), row(2, 0.2, 0.),
            no_face(3, 0.3, 1)]
    made = smooth(rows, "gaussian", 1.)
    assert [one.smoothed for one in made] == pytest.approx([0, 5, np.nan, 5, 0, np.nan], nan_ok=True)
    assert [one[:3] for one in made] == [one[:3] for one in rows]


@pytest.mark.parametrize("kind, seconds", [("mean", 1), ("gaussian", 0), ("median", -1), ("median", np.nan)])
def test_no_such_smoothing(kind, seconds):
    with pytest.raises(Problem, match="take gaussian or median"):
        smooth(curve([0, 1], [1, 2]), kind, seconds)
