"""How far predicted intensities lie from the labels: each metric takes (N,) labels and predictions and gives a float.

    MAE, MSE, RMSE    mean |d|, mean d^2, its root, where d = prediction - label
    PCC               Pearson's correlation, cov / sqrt(var var)
    ICC(3,1)          2 cov / (var + var): of two raters (the labels and the net) who each rated every frame, how far
                      they agree but for a shift (consistency). Shrout & Fleiss 1979, (BMS - EMS) / (BMS + EMS)
    ICC(1,1)          the same with a shift counted as disagreement, (BMS - WMS) / (BMS + WMS). Shrout & Fleiss 1979
    CCC               2 cov / (var + var + (mean - mean)^2). Lin, Biometrics 1989, variances over N
    wMAE, wMSE        the paper's section 3.3: the mean, over the classes present, of the class's own MAE and MSE

and for the question whether a frame shows an intensity of at least a threshold (the positives are label >= threshold):

    AUROC             the chance that a positive frame is predicted higher than a negative one, ties half:
                      Mann & Whitney's U / (positives negatives)
    F1                2 TP / (2 TP + FP + FN), a frame being called positive when its prediction rounds to the threshold
                      or more, prediction >= threshold - 0.5
    balanced accuracy (TP / positives + TN / negatives) / 2, positives called in the same way

A label that is no integer, such as the mean of several raters, counts as it is, but where its class is meant, in wMAE,
wMSE and for the positives: that is the nearest integer, half up (pspi.class_of). 1.5 is averaged with the 2s, and its
error is from 1.5.

Where a denominator is zero a metric is undefined and NaN, never 0: PCC where either side is constant, ICC(3,1) where
both are, ICC(1,1) and CCC where every number is the same, AUROC and balanced accuracy without positives or without
negatives, F1 without any positive, labelled or called. NumPy only.
"""
from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Callable

import numpy as np

from pain.datasets.pspi import class_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

UNDEFINED = float("nan")


def mae(label: ArrayLike, prediction: ArrayLike) -> float:
    """Mean absolute error, in units of intensity."""
    return float(np.abs(error(label, prediction)).mean())


def mse(label: ArrayLike, prediction: ArrayLike) -> float:
    """Mean squared error, in units of intensity squared."""
    return float(np.square(error(label, prediction)).mean())


def rmse(label: ArrayLike, prediction: ArrayLike) -> float:
    """Root of the mean squared error, in units of intensity."""
    return mse(label, prediction) ** 0.5


def pcc(label: ArrayLike, prediction: ArrayLike) -> float:
    """Pearson's correlation, -1..1; NaN where either side is constant."""
    a, b = deviation(label), deviation(prediction)
    return ratio(a @ b, np.sqrt(a @ a) * np.sqrt(b @ b))


def icc31(label: ArrayLike, prediction: ArrayLike) -> float:
    """Intraclass correlation ICC(3,1) of two raters, -1..1; NaN where both sides are constant."""
    a, b = deviation(label), deviation(prediction)
    return ratio(2 * (a @ b), a @ a + b @ b)


def icc11(label: ArrayLike, prediction: ArrayLike) -> float:
    """Intraclass correlation ICC(1,1) of two raters, -1..1; NaN where all numbers are the same, or N is 1."""
    n, d = len(label), error(label, prediction)
    if n < 2:
        return UNDEFINED
    means = deviation(np.add(label, prediction, dtype=float) / 2)
    between, within = 2 * (means @ means) / (n - 1), d @ d / (2 * n)
    return ratio(between - within, between + within)


def ccc(label: ArrayLike, prediction: ArrayLike) -> float:
    """Lin's concordance correlation, -1..1; NaN where all numbers are the same."""
    a, b = deviation(label), deviation(prediction)
    shift = np.mean(error(label, prediction))
    return ratio(2 * (a @ b), a @ a + b @ b + len(a) * shift ** 2)


def wmae(label: ArrayLike, prediction: ArrayLike) -> float:
    """Section 3.3: the mean, over the classes present, of each class's MAE."""
    return mean_over_classes(label, np.abs(error(label, prediction)))


def wmse(label: ArrayLike, prediction: ArrayLike) -> float:
    """Section 3.3: the mean, over the classes present, of each class's MSE."""
    return mean_over_classes(label, np.square(error(label, prediction)))


def auroc(label: ArrayLike, prediction: ArrayLike, threshold: float = 1) -> float:
    """Area under the ROC curve for label >= threshold, 0..1; NaN without positives or without negatives."""
    positive = class_of(label) >= threshold
    high, low = np.asarray(prediction)[positive], np.sort(np.asarray(prediction)[~positive])
    won = np.searchsorted(low, high, "left").sum() + np.searchsorted(low, high, "right").sum()
    return ratio(won / 2, len(high) * len(low))


def f1(label: ArrayLike, prediction: ArrayLike, threshold: float = 1) -> float:
    """F1 of label >= threshold against prediction >= threshold - 0.5, 0..1; NaN without any positive on either side."""
    positive, called = calls(label, prediction, threshold)
    return ratio(2 * (positive & called).sum(), positive.sum() + called.sum())


def balanced_accuracy(label: ArrayLike, prediction: ArrayLike, threshold: float = 1) -> float:
    """The mean of sensitivity and specificity for the same calls, 0..1; NaN without positives or without negatives."""
    positive, called = calls(label, prediction, threshold)
    sensitivity = ratio((positive & called).sum(), positive.sum())
    return (sensitivity + ratio((~positive & ~called).sum(), (~positive).sum())) / 2


METRICS = {"mae": mae, "mse": mse, "rmse": rmse, "pcc": pcc, "icc31": icc31, "icc11": icc11, "ccc": ccc,
           "wmae": wmae, "wmse": wmse}
PAIN_METRICS = {"auroc": auroc, "f1": f1, "bacc": balanced_accuracy}
TITLES = {"mae": "MAE", "mse": "MSE", "rmse": "RMSE", "pcc": "PCC", "icc31": "ICC(3,1)", "icc11": "ICC(1,1)",
          "ccc": "CCC", "wmae": "wMAE", "wmse": "wMSE", "auroc": "AUROC", "f1": "F1", "bacc": "bal. acc."}
ERRORS = {"mae", "mse", "rmse", "wmae", "wmse"}  # the lower the better; of all others, the higher


def all_metrics(top: int) -> dict[str, Callable[[ArrayLike, ArrayLike], float]]:
    """{name: metric} for labels 0..top: METRICS, and each of PAIN_METRICS at every threshold, as `auroc_1`."""
    return dict(METRICS, **{"%s_%d" % (name, threshold): partial(metric, threshold=threshold)
                            for name, metric in PAIN_METRICS.items() for threshold in range(1, top + 1)})


def title(name: str) -> str:
    """A metric's name for people: `wMAE`, or `AUROC >= 2` for auroc_2."""
    base, _, threshold = name.partition("_")
    return TITLES[base] + (" >= " + threshold if threshold else "")


def error(label: ArrayLike, prediction: ArrayLike) -> np.ndarray:
    """prediction - label, (N,) float64."""
    return np.subtract(prediction, label, dtype=float)


def deviation(values: ArrayLike) -> np.ndarray:
    """`values` (N,) less their mean, float64: all zero where they are constant, which rounding alone need not give."""
    values = np.asarray(values, float)
    return values - values.mean() if np.ptp(values) else np.zeros(len(values))


def ratio(above: float, below: float) -> float:
    """above / below as a float, NaN where that is division by zero."""
    return float(above / below) if below else UNDEFINED


def mean_over_classes(label: ArrayLike, values: np.ndarray) -> float:
    """The mean, over the classes present among the labels, of the class's mean of `values` (N,), a float."""
    _, place = np.unique(class_of(label), return_inverse=True)
    return float(np.mean(np.bincount(place, values) / np.bincount(place)))


def calls(label: ArrayLike, prediction: ArrayLike, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Which frames are labelled, and which are called, at least `threshold`: two (N,) bool."""
    return class_of(label) >= threshold, np.asarray(prediction) >= threshold - 0.5
