"""pain.evaluation.metrics: each against other formulas and libraries, its identities, and where it is undefined."""
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, pearsonr

from pain.evaluation.metrics import (
    ERRORS,
    METRICS,
    all_metrics,
    auroc,
    balanced_accuracy,
    ccc,
    f1,
    icc11,
    icc31,
    mae,
    mse,
    pcc,
    rmse,
    title,
    wmae,
    wmse,
)

# Predictions in steps of 1/8 are often tied, and sums of them are exact; the others are anything.
pairs = st.lists(st.tuples(st.integers(0, 5), st.floats(-1, 6) | st.integers(-8, 48).map(lambda n: n / 8)),
                 min_size=2, max_size=30).map(lambda rows: tuple(np.array(side) for side in zip(*rows)))
thresholds = st.integers(1, 5)
quick = settings(max_examples=30, deadline=None, database=None)


def same(a, b):
    return np.isnan(a) and np.isnan(b) or np.isclose(a, b, rtol=1e-6, atol=1e-9)


# Other formulas.

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
def test_weighted_errors_as_the_authors_weigh_frames(pair):
    """Their script gives a frame the weight mean class size / size of its class, and averages over frames."""
    label, prediction = pair
    sizes = np.bincount(label)
    weights = sizes[sizes > 0].mean() / sizes[label]
    assert same(wmae(*pair), np.mean(np.abs(prediction - label) * weights))
    assert same(wmse(*pair), np.mean((prediction - label) ** 2 * weights))


@quick
@given(pairs)
def test_correlations_by_other_formulas(pair):
    label, prediction = pair
    assume(label.std() > 0 and prediction.std() > 1e-3)
    assert same(pcc(*pair), pearsonr(*pair)[0])
    n, (mean_t, mean_p) = len(label), (sum(label) / len(label), sum(prediction) / len(label))
    covariance = sum((t - mean_t) * (p - mean_p) for t, p in zip(label, prediction)) / (n - 1)
    assert same(icc31(*pair), 2 * covariance / (label.var(ddof=1) + prediction.var(ddof=1)))
    assert same(ccc(*pair), pcc(*pair) * 2 * label.std() * prediction.std()
                / (label.var() + prediction.var() + (label.mean() - prediction.mean()) ** 2))


@quick
@given(pairs)
def test_intraclass_correlations_by_analysis_of_variance(pair):
    """Shrout and Fleiss' table: frames are the targets, labels and predictions the two judges."""
    table = np.stack(pair, axis=1)
    n, k, grand = len(table), 2, table.mean()
    assume(table[:, 0].std() > 0 and table[:, 1].std() > 1e-3)
    targets = k * ((table.mean(axis=1) - grand) ** 2).sum()
    judges = n * ((table.mean(axis=0) - grand) ** 2).sum()
    within = ((table - table.mean(axis=1, keepdims=True)) ** 2).sum()
    bms, wms, ems = targets / (n - 1), within / (n * (k - 1)), (within - judges) / ((n - 1) * (k - 1))
    assert same(icc11(*pair), (bms - wms) / (bms + (k - 1) * wms))
    assert same(icc31(*pair), (bms - ems) / (bms + (k - 1) * ems))


@quick
@given(pairs, thresholds)
def test_auroc_by_counting_pairs(pair, threshold):
    label, prediction = pair
    high, low = prediction[label >= threshold], prediction[label < threshold]
    assume(len(high) and len(low))
    wins = [1 if a > b else 0.5 if a == b else 0 for a in high for b in low]
    assert same(auroc(*pair, threshold), sum(wins) / len(wins))
    if np.ptp(prediction):  # which SciPy wants
        assert same(auroc(*pair, threshold), mannwhitneyu(high, low, alternative="two-sided")[0] / len(wins))


def test_calls_by_hand():
    label, prediction = np.array([0, 0, 1, 2, 5, 5]), np.array([0.5, 0.4, 1.5, 1.4, 4.5, 0])
    assert f1(label, prediction, 1) == 2 * 3 / (2 * 3 + 1 + 1) and f1(label, prediction, 5) == 2 * 1 / (2 * 1 + 0 + 1)
    assert balanced_accuracy(label, prediction, 1) == (3 / 4 + 1 / 2) / 2
    assert balanced_accuracy(label, prediction, 2) == (1 / 3 + 2 / 3) / 2


# Other libraries.

@quick
@given(pairs, thresholds)
def test_against_scikit_learn(pair, threshold):
    metrics = pytest.importorskip("sklearn.metrics")
    label, prediction = pair
    positive, called = label >= threshold, prediction >= threshold - 0.5
    assert same(mae(*pair), metrics.mean_absolute_error(*pair))
    assert same(mse(*pair), metrics.mean_squared_error(*pair))
    assert same(rmse(*pair), metrics.root_mean_squared_error(*pair))
    sizes = np.bincount(label)
    assert same(wmae(*pair), metrics.mean_absolute_error(*pair, sample_weight=1 / sizes[label]))
    assert same(wmse(*pair), metrics.mean_squared_error(*pair, sample_weight=1 / sizes[label]))
    if positive.any() or called.any():
        assert same(f1(*pair, threshold), metrics.f1_score(positive, called))
    if 0 < positive.sum() < len(positive):
        assert same(auroc(*pair, threshold), metrics.roc_auc_score(positive, prediction))
        assert same(balanced_accuracy(*pair, threshold), metrics.balanced_accuracy_score(positive, called))


@pytest.mark.filterwarnings("ignore:.*inplace")  # pandas, of pingouin
@pytest.mark.parametrize("seed", range(5))
def test_against_pingouin(seed):
    pingouin = pytest.importorskip("pingouin")
    import pandas
    random = np.random.RandomState(seed)
    label = random.randint(6, size=40)
    prediction = 0.6 * label + random.normal(1, 0.5, 40)
    table = pandas.DataFrame(dict(frame=np.tile(np.arange(40), 2), rater=np.repeat(["label", "net"], 40),
                                  intensity=np.concatenate([label, prediction])))
    theirs = pingouin.intraclass_corr(table, "frame", "rater", "intensity")["ICC"].to_numpy()[:3]
    assert [icc11(label, prediction), icc31(label, prediction)] == pytest.approx([theirs[0], theirs[2]], abs=1e-9)


# Identities.

@quick
@given(pairs, st.permutations(range(30)))
def test_order_does_not_matter(pair, order):
    order = [i for i in order if i < len(pair[0])]
    for metric in all_metrics(5).values():
        assert same(metric(*pair), metric(pair[0][order], pair[1][order]))


@quick
@given(pairs, st.integers(2, 4))
def test_repeated_frames_change_nothing(pair, times):
    again = [np.repeat(side, times) for side in pair]
    for name, metric in all_metrics(5).items():
        assert name == "icc11" or same(metric(*pair), metric(*again))  # which has degrees of freedom


@quick
@given(pairs, st.floats(0.1, 10), st.floats(-5, 5))
def test_scales_and_shifts(pair, scale, shift):
    label, prediction = pair
    assume(prediction.std() > 1e-3)
    assert same(pcc(label, scale * prediction + shift), pcc(*pair))
    assert same(pcc(label, -prediction), -pcc(*pair))
    assert same(icc31(label, prediction + shift), icc31(*pair))
    for metric, power in (mae, 1), (mse, 2), (rmse, 1), (icc31, 0), (icc11, 0), (ccc, 0):
        assert same(metric(scale * label + shift, scale * prediction + shift), scale ** power * metric(*pair))
        assert same(metric(*pair), metric(prediction, label))
    assert same(mse(*pair), prediction.var() + label.var() - 2 * np.cov(*pair, bias=True)[0, 1]
                + (prediction.mean() - label.mean()) ** 2)


@quick
@given(pairs, thresholds)
def test_auroc_asks_only_for_the_order(pair, threshold):
    label, prediction = pair[0], np.round(8 * pair[1]) / 8  # that exp may not round two to one
    area = auroc(label, prediction, threshold)
    assert same(area, auroc(label, np.exp(prediction), threshold))
    assert same(area, 1 - auroc(label, -prediction, threshold))


@quick
@given(pairs)
def test_bounds(pair):
    """|CCC| <= |ICC(3,1)| <= |PCC| <= 1: the denominators are more and more."""
    for smaller, larger in (ccc, icc31), (icc31, pcc), (lambda *_: pcc(*pair), lambda *_: 1):
        small, large = smaller(*pair), larger(*pair)
        assert np.isnan(small) or np.isnan(large) or abs(small) <= abs(large) + 1e-9
    assert mae(*pair) <= rmse(*pair) + 1e-12 and same(rmse(*pair) ** 2, mse(*pair))
    for name, metric in all_metrics(5).items():
        value = metric(*pair)
        assert np.isnan(value) or (value >= 0 if name in ERRORS else -1 - 1e-9 <= value <= 1 + 1e-9)


@quick
@given(st.lists(st.floats(-1, 6), min_size=6, max_size=6), st.integers(1, 5))
def test_balanced_classes_need_no_weights(prediction, times):
    label, prediction = np.repeat(np.arange(6), times), np.repeat(prediction, times)
    assert same(wmae(label, prediction), mae(label, prediction))
    assert same(wmse(label, prediction), mse(label, prediction))


@pytest.mark.parametrize("name", all_metrics(5))
def test_perfect_predictions(name):
    label = np.array([0, 1, 2, 3, 4, 5, 0])
    assert all_metrics(5)[name](label, label.astype(float)) == pytest.approx(0 if name in ERRORS else 1)


# What is undefined.

@quick
@given(st.lists(st.floats(-1, 6), min_size=2, max_size=9))
def test_undefined_is_nan(prediction):
    constant = np.full(len(prediction), 0.1)  # whose mean is not always 0.1
    assert np.isnan(pcc(constant, prediction)) and np.isnan(pcc(prediction, constant))
    assert np.isnan(icc31(constant, constant + 1)) and np.isnan(icc11(constant, constant))
    assert np.isnan(ccc(constant, constant)) and ccc(constant, constant + 1) == 0
    assert icc11(constant, constant + 1) == -1
    assert np.isnan(icc31(constant, prediction)) == (len(set(prediction)) == 1) or np.std(prediction) < 1e-100
    for label in np.zeros(len(prediction), int), np.full(len(prediction), 5):
        assert np.isnan(auroc(label, prediction, 3)) and np.isnan(balanced_accuracy(label, prediction, 3))


def test_f1_is_undefined_only_without_any_positive():
    assert np.isnan(f1(np.array([0, 1]), np.array([0, 1.4]), 2))
    assert f1(np.array([0, 1]), np.array([0, 1.5]), 2) == 0 == f1(np.array([0, 2]), np.array([0, 1.4]), 2)


@pytest.mark.parametrize("name", all_metrics(5))
def test_a_single_frame(name):
    value = all_metrics(5)[name](np.array([2]), np.array([1.]))
    assert name in ERRORS and value == 1 or name in ("ccc", "f1_1", "f1_2") or np.isnan(value)


def test_labels_that_are_no_integers():
    """They count as they are, but in a class, which is the nearest: 0, 1 for 0.5, 2 for 1.5 and 2.4."""
    label, prediction = [0, 0.5, 1.5, 2.4], [0, 1, 1, 4]
    assert mae(label, prediction) == pytest.approx((0 + 0.5 + 0.5 + 1.6) / 4)
    assert wmae(label, prediction) == pytest.approx((0 + 0.5 + (0.5 + 1.6) / 2) / 3)
    assert wmse(label, prediction) == pytest.approx((0 + 0.25 + (0.25 + 2.56) / 2) / 3)
    assert auroc(label, prediction, 2) == 3.5 / 4  # 1 is above 0 and as high as 1; 4 is above both
    assert f1(label, prediction, 2) == 2 / 3 and balanced_accuracy(label, prediction, 2) == 0.75


def test_integers_do_not_wrap_around():
    label, prediction = np.array([5, 0, 1], np.uint8), np.array([0, 5, 1], np.uint8)
    assert mae(label, prediction) == 10 / 3 and mse(label, prediction) == 50 / 3
    assert pcc(label, prediction) == pytest.approx(-11 / 14) and wmae([0, 0, 1], [1, 0, 3]) == 1.25
    assert icc11(label, prediction) == pytest.approx(icc11(label.astype(float), prediction.astype(float)))


def test_names():
    assert list(all_metrics(2)) == [*METRICS, "auroc_1", "auroc_2", "f1_1", "f1_2", "bacc_1", "bacc_2"]
    assert [title(name) for name in ("wmae", "icc31", "bacc_2")] == ["wMAE", "ICC(3,1)", "bal. acc. >= 2"]
