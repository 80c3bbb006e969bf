"""pain.evaluation.uncertainty: draws, intervals and p values against SciPy, enumeration and simulation."""
import itertools
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pain.evaluation.protocols import PROTOCOLS, scored
from pain.evaluation.trivial import all_zeros
from pain.evaluation.uncertainty import compare_two, holm, interval, make_draws, p_value, with_intervals
from support.predictions import result_of


def some_result(seed, subjects=6, noise=1.0):
    random = np.random.RandomState(seed)
    labels = [random.randint(6, size=12) for _ in range(subjects)]
    return result_of(*([list(zip(label, label + noise * random.normal(size=12)))] for label in labels))


def test_draws_are_of_subjects_with_replacement():
    weights, swaps = make_draws(5, 20000, seed=3)
    assert (weights.sum(axis=1) == 5).all() and weights.shape == swaps.shape == (20000, 5)
    counts = np.bincount(weights[:, 0].astype(int)) / 20000  # binomial(5, 1/5)
    assert counts[:3] == pytest.approx([0.8 ** 5, 0.8 ** 4, 10 * 0.04 * 0.8 ** 3], abs=0.015)
    assert np.corrcoef(swaps.T.astype(float)) == pytest.approx(np.eye(5), abs=0.03)
    assert swaps.mean() == pytest.approx(0.5, abs=0.01)


def test_draws_are_the_same_for_the_same_seed_for_ever():
    weights, swaps = make_draws(4, 3, seed=1)
    assert weights.tolist() == [[2, 1, 0, 1], [0, 2, 0, 2], [2, 1, 0, 1]]
    assert swaps.astype(int).tolist() == [[0, 1, 1, 0], [0, 1, 0, 0], [0, 1, 0, 0]]
    assert not np.array_equal(make_draws(4, 30, seed=1).weights, make_draws(4, 30, seed=2).weights)


def test_interval_is_scipys_percentile_bootstrap():
    stats = pytest.importorskip("scipy.stats")
    if not hasattr(stats, "bootstrap"):
        pytest.skip("a SciPy without bootstrap")
    score = scored(some_result(1), "subject", 5, ["mae", "pcc"])
    figure, low, high = with_intervals(score, make_draws(6, 20000))
    for i in range(2):
        theirs = stats.bootstrap([score.values[:, i]], np.mean, n_resamples=20000, method="percentile",
                                 random_state=np.random.RandomState(0))
        assert [low[i], high[i]] == pytest.approx(theirs.confidence_interval, abs=0.02)
        assert figure[i] == score.values[:, i].mean() and low[i] < figure[i] < high[i]


def test_p_is_that_of_all_swaps():
    """With few subjects all swaps can be made; that is what random ones estimate."""
    a, b = scored(some_result(1), "subject", 5, ["mae"]), scored(some_result(1, noise=1.4), "subject", 5, ["mae"])
    difference = (a.values - b.values)[:, 0]
    every = [abs(np.dot(signs, difference)) >= abs(difference.sum()) - 1e-12
             for signs in itertools.product([1, -1], repeat=6)]
    comparison = compare_two(a, b, make_draws(6, 20000))
    assert comparison.p[0] == pytest.approx(np.mean(every), abs=0.015)
    assert comparison.difference[0] == pytest.approx(difference.mean())
    low, high = interval(make_draws(6, 20000).weights @ difference[:, None] / 6, 6)
    assert (comparison.low[0], comparison.high[0]) == pytest.approx((low[0], high[0]))


def test_p_is_scipys_permutation_test():
    stats = pytest.importorskip("scipy.stats")
    if not hasattr(stats, "permutation_test"):
        pytest.skip("a SciPy without permutation_test")
    a, b = scored(some_result(2, 12), "subject", 5, ["mse"]), scored(some_result(2, 12, 1.3), "subject", 5, ["mse"])
    theirs = stats.permutation_test((a.values[:, 0], b.values[:, 0]), lambda x, y: np.mean(x - y),
                                    permutation_type="samples", n_resamples=np.inf)
    assert compare_two(a, b, make_draws(12, 20000)).p[0] == pytest.approx(theirs.pvalue, abs=0.015)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_comparisons_mirror_each_other(protocol):
    a, b = (scored(some_result(4, noise=noise), protocol, 5) for noise in (1, 0.5))
    one, two = compare_two(a, b, make_draws(6, 500)), compare_two(b, a, make_draws(6, 500))
    for left, right in (one.difference, -two.difference), (one.low, -two.high), (one.p, two.p):
        assert np.allclose(left, right, equal_nan=True)
    same = compare_two(a, a, make_draws(6, 500))
    assert (same.difference == 0).all() and (same.low == 0).all() and (same.high == 0).all() and (same.p == 1).all()


def test_the_observed_difference_counts_as_one():
    assert p_value(np.array([2.]), np.array([[1.], [-1], [0]]), 5) == 1 / 4
    assert p_value(np.array([1.]), np.array([[1.], [-1], [0]]), 5) == 3 / 4
    assert np.isnan(p_value(np.array([np.nan]), np.array([[np.nan]]), 5))
    assert np.isnan(p_value(np.ones(1), np.ones((1, 1)), 1))  # one subject tells nothing


def test_what_is_undefined_in_a_draw_is_left_out():
    low, high = interval(np.array([[np.nan, 1], [np.nan, 2], [np.nan, np.nan]]), 2)
    assert np.isnan([low[0], high[0]]).all() and (low[1], high[1]) == pytest.approx((1.025, 1.975))
    assert np.isnan(interval(np.ones((3, 2)), 1)).all()


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]).tolist() == [1, 1] and holm([]).tolist() == []
    corrected = holm([0.02, np.nan, 0.01])
    assert corrected[[0, 2]] == pytest.approx([0.02, 0.02]) and np.isnan(corrected[1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_holm_keeps_the_order_and_is_at_most_bonferroni(p):
    corrected = holm(p)
    assert (corrected >= np.array(p) - 1e-12).all() and (corrected <= np.minimum(1, len(p) * np.array(p)) + 1e-12).all()
    assert (np.diff(corrected[np.argsort(p, kind="mergesort")]) >= 0).all()


def test_holm_is_statsmodels():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p = np.random.RandomState(0).uniform(0, 0.2, 20)
    assert holm(p) == pytest.approx(multitest.multipletests(p, method="holm")[1])


def test_intervals_cover_and_p_is_fair():
    """Of 300 samples of 25 subjects about 95 in 100 intervals hold the population's mean, and 5 in 100 p are < 0.05."""
    random, draws = np.random.RandomState(0), make_draws(25, 1000)
    samples = random.normal(size=(25, 300))
    low, high = interval(draws.weights @ samples / 25, 25)
    assert 0.90 <= np.mean((low < 0) & (0 < high)) <= 0.96  # a little too narrow, as percentile intervals are
    p = p_value(samples.mean(axis=0), np.where(draws.swaps, -1, 1) @ samples / 25, 25)
    assert 0.02 <= np.mean(p < 0.05) <= 0.08


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_time_for_as_many_frames_as_unbc(protocol):
    """10,000 draws of 25 subjects, 48,391 frames: under 5 seconds of one core."""
    random = np.random.RandomState(0)
    result = result_of(*25 * [[[(0, 0)]]])
    lengths = np.full(25, 48391 // 25) + (np.arange(25) < 48391 % 25)
    labels = [np.minimum(random.geometric(0.8, n) - 1, 5) for n in lengths]
    result = result._replace(videos=[video._replace(label=label, prediction=label + random.normal(size=len(label)))
                                     for video, label in zip(result.videos, labels)])
    start = time.process_time()
    one, two = scored(result, protocol, 5), scored(all_zeros(result), protocol, 5)
    with_intervals(one, make_draws(25)), compare_two(one, two, make_draws(25))
    assert time.process_time() - start < 5
