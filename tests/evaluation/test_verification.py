"""verification: every figure against scikit-learn, SciPy, or its definition counted out pair by pair."""
from fractions import Fraction

import numpy as np
import pytest
import sklearn.decomposition
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import sem

from pain.evaluation import verification
from pain.evaluation.metrics import auroc
from pain.evaluation.verification import accuracy, best_threshold, cosine, cross_validate, eer, fit_pca, roc, tar_at_far

SCORES = st.integers(-8, 8).map(lambda number: number / 8)  # few, so that there are ties
PAIRS = st.lists(st.tuples(st.booleans(), SCORES), min_size=1, max_size=30)
BOTH = PAIRS.filter(lambda pairs: len({same for same, _ in pairs}) == 2)


def arrays(pairs):
    """`same` and `score` of a list of pairs."""
    return tuple(map(np.array, zip(*pairs)))


def rates(pairs, threshold):
    """FAR and TAR at a threshold, Fractions, counted out."""
    accepted = [same for same, score in pairs if score >= threshold]
    matched = sum(same for same, _ in pairs)
    return (Fraction(accepted.count(False), len(pairs) - matched), Fraction(accepted.count(True), matched))


def corners(pairs):
    """The points of the ROC, counted out."""
    return [rates(pairs, threshold) for threshold in [2, *sorted({score for _, score in pairs}, reverse=True)]]


@given(BOTH)
def test_roc_is_scikit_learns(pairs):
    same, score = arrays(pairs)
    far, tar, thresholds = sklearn.metrics.roc_curve(same, score, drop_intermediate=False)
    for ours, theirs in zip(roc(same, score), (thresholds, far, tar)):
        assert ours == pytest.approx(theirs)


@given(BOTH)
def test_the_area_below_the_roc_is_auroc(pairs):
    same, score = arrays(pairs)
    _, far, tar = roc(same, score)
    assert np.trapezoid(tar, far) == pytest.approx(auroc(same.astype(int), score))
    assert sklearn.metrics.roc_auc_score(same, score) == pytest.approx(auroc(same.astype(int), score))


@given(BOTH)
def test_eer_is_where_the_roc_crosses_the_diagonal(pairs):
    points = corners(pairs)
    for (far, tar), (next_far, next_tar) in zip(points, points[1:]):
        if far + tar <= 1 <= next_far + next_tar:
            share = (1 - far - tar) / (next_far + next_tar - far - tar)
            expected = far + share * (next_far - far)
            break
    assert eer(*arrays(pairs)) == pytest.approx(float(expected))


def test_eer_by_hand():
    assert eer([True, True, False, False], [4, 3, 2, 1]) == 0
    assert eer([True, True, False, False], [1, 2, 3, 4]) == 1
    assert eer([True, False], [1, 1]) == 0.5
    assert eer([True, True, True, False, False], [5, 3, 1, 4, 2]) == pytest.approx(0.5)


@given(BOTH, st.sampled_from([1, 0.5, 0.3, 0.1, 0.05]))
def test_tar_at_far_is_the_best_threshold_that_keeps_to_it(pairs, most):
    mismatched = sum(not same for same, _ in pairs)
    found = tar_at_far(*arrays(pairs), most)
    if mismatched < Fraction(str(most)) ** -1:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(float(max(tar for far, tar in corners(pairs) if far <= Fraction(str(most)))))


def test_rates_of_nothing_are_undefined():
    for same in True, False:
        assert np.isnan(eer([same], [1]))
    assert np.isnan(tar_at_far([True] * 3, [1, 2, 3], 0.5)) and np.isnan(tar_at_far([False] * 3, [1, 2, 3], 0.5))


@given(PAIRS)
def test_no_threshold_is_better_than_the_best(pairs):
    same, score = arrays(pairs)
    candidates = [-2, *(value + step for value in score for step in (0, 1 / 16)), 3]
    threshold = best_threshold(same, score)
    best = max(sum((value >= candidate) == truth for truth, value in pairs) for candidate in candidates)
    assert accuracy(same, score, threshold) * len(pairs) == pytest.approx(best)
    assert np.isfinite(threshold) and threshold not in score


def test_best_threshold_by_hand():
    assert best_threshold([True, True, False, False], [0.9, 0.5, 0.2, 0.1]) == pytest.approx(0.35)
    assert best_threshold([True, True], [0.5, 0.7]) == pytest.approx(-0.5)
    assert best_threshold([False, False], [0.5, 0.7]) == pytest.approx(1.7)
    assert best_threshold([True, False, True, False], [4, 3, 2, 1]) in (3.5, 1.5)  # three right either way
    above, below = 1.0, np.nextafter(1.0, 0)
    assert accuracy([True, False], [above, below], best_threshold([True, False], [above, below])) == 1


def test_each_set_is_judged_by_the_others():
    """Three sets; the first alone would have another threshold."""
    same = np.array([True, False] * 3)
    score = np.array([0.3, 0.1, 0.9, 0.5, 0.8, 0.6])
    fold = np.repeat([0, 1, 2], 2)
    accuracies, thresholds = cross_validate(same, [score] * 3, fold)
    assert thresholds == pytest.approx([0.7, 0.2, 0.2])
    assert accuracies.tolist() == [0.5, 0.5, 0.5]
    own = np.array([score, 1 - score, score])
    assert cross_validate(same, own, fold)[0][1] == accuracy(same[2:4], own[1][2:4], best_threshold(
        same[[0, 1, 4, 5]], own[1][[0, 1, 4, 5]]))


@given(st.lists(st.floats(0, 1), min_size=2, max_size=10))
def test_standard_error_is_scipys(values):
    assert verification.standard_error(values) == pytest.approx(sem(values))


def test_standard_error_is_huangs():
    """S = sigma / sqrt(10), sigma = sqrt(sum (p - mean)^2 / 9)."""
    p = np.array([0.9, 0.8, 0.85, 0.95, 0.9, 0.88, 0.91, 0.87, 0.9, 0.84])
    assert verification.standard_error(p) == pytest.approx(np.sqrt(((p - p.mean()) ** 2).sum() / 9) / np.sqrt(10))


def test_cosine_by_hand():
    a, b = np.array([[1, 0], [1, 1], [2, 2], [0, 0]], float), np.array([[0, 1], [1, 0], [-1, -1], [1, 0]], float)
    assert cosine(a, b) == pytest.approx([0, 0.5 ** 0.5, -1, np.nan], nan_ok=True)


@pytest.mark.parametrize("count, dimensions", [(30, 8), (6, 20)])
def test_pca_is_scikit_learns(count, dimensions):
    random = np.random.RandomState(0)
    features = random.randn(count, dimensions) @ random.randn(dimensions, dimensions)
    other = random.randn(9, dimensions)
    mean, axes = fit_pca(features, 4)
    pca = sklearn.decomposition.PCA(4, svd_solver="full").fit(features)
    signs = np.sign((axes * pca.components_.T).sum(axis=0))
    assert (other - mean) @ axes * signs == pytest.approx(pca.transform(other))
