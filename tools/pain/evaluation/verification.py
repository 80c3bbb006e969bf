"""How well similarity tells pairs of one person from pairs of two: NumPy only.

Every function takes `same`, (N,) bool, whether a pair shows one person, and `score`, (N,) floats, the higher the more
alike. At a threshold the pairs that score it or more are accepted:

    FAR        false accept rate: accepted mismatched pairs / mismatched pairs
    TAR        true accept rate: accepted matched pairs / matched pairs
    accuracy   (accepted matched + rejected mismatched) / all pairs
    ROC        (FAR, TAR) at every threshold that tells pairs apart
    AUC        the area below it, straight between its points: the chance that a matched pair scores higher than a
               mismatched one, ties half. metrics.auroc
    EER        equal error rate: where, on those straight lines, FAR = 1 - TAR

LFW's protocol (Huang et al., "Labeled Faces in the Wild", 2007; Huang and Learned-Miller, "Labeled Faces in the Wild:
Updates and New Reporting Procedures", 2014): ten sets of pairs; for each the threshold is chosen on the other nine; the
estimate is the mean of the ten accuracies, with its standard error.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

UNDEFINED = float("nan")


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The cosine of the angles between the rows of a and of b, (N, D) each: (N,) in -1..1. NaN for a row of zeros."""
    with np.errstate(invalid="ignore"):
        return (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))


def roc(same: ArrayLike, score: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The points of the ROC: thresholds, descending from infinity, FAR and TAR, three (K,) float64 arrays.

    There is one for each score that occurs. A rate of no pairs is NaN.
    """
    order = np.argsort(score, kind="stable")[::-1]
    same, score = np.asarray(same, bool)[order], np.asarray(score, float)[order]
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)  # of each group of equal scores
    accepted = np.stack([np.cumsum(~same)[last], np.cumsum(same)[last]])
    with np.errstate(invalid="ignore"):
        far, tar = np.hstack([np.zeros((2, 1)), accepted]) / np.array([[(~same).sum()], [same.sum()]])
    return np.append(np.inf, score[last]), far, tar


def eer(same: ArrayLike, score: ArrayLike) -> float:
    """The equal error rate, 0..1. NaN without matched or without mismatched pairs."""
    _, far, tar = roc(same, score)
    gap = far + tar - 1  # never falls, from -1 to 1
    if np.isnan(gap).any():
        return UNDEFINED
    after = int(np.argmax(gap >= 0))
    share = -gap[after - 1] / (gap[after] - gap[after - 1])
    return float(far[after - 1] + share * (far[after] - far[after - 1]))


def tar_at_far(same: ArrayLike, score: ArrayLike, most: float) -> float:
    """The highest TAR of a threshold whose FAR is at most `most`.

    NaN without matched pairs, or with fewer than 1 / `most` mismatched ones, which cannot show so small a rate.
    """
    _, far, tar = roc(same, score)
    if np.sum(np.logical_not(same)) * most < 1 - 1e-9:
        return UNDEFINED
    return float(tar[np.flatnonzero(far <= most + 1e-12)[-1]])


def accuracy(same: ArrayLike, score: ArrayLike, threshold: float) -> float:
    """The share of pairs that are accepted and matched, or rejected and mismatched, 0..1."""
    return float(np.mean(np.equal(np.asarray(score) >= threshold, same)))


def best_threshold(same: ArrayLike, score: ArrayLike) -> float:
    """The threshold of highest accuracy: half-way between two neighbouring scores, or 1 beyond all of them.

    Of several as good the middle one.
    """
    thresholds, far, tar = roc(same, score)
    right = np.nan_to_num(tar) * np.sum(same) - np.nan_to_num(far) * np.sum(np.logical_not(same))
    best = np.flatnonzero(right >= right.max() - 0.5)  # whole numbers of pairs
    i = best[len(best) // 2]
    above, below = np.array([thresholds[1] + 2, *thresholds[1:], thresholds[-1] - 2])[i:i + 2]
    middle = (above + below) / 2
    return float(middle if middle > below else above)  # numbers next to each other have no middle


def cross_validate(same: np.ndarray, scores: np.ndarray, fold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each set's accuracy at the threshold chosen on the others, and that threshold: two (folds,) float64 arrays.

    scores: (folds, N), in row i the scores of all pairs when set i is left out. fold: (N,) integers, a pair's set.
    """
    thresholds = [best_threshold(same[fold != i], score[fold != i]) for i, score in enumerate(scores)]
    accuracies = [accuracy(same[fold == i], score[fold == i], threshold)
                  for i, (score, threshold) in enumerate(zip(scores, thresholds))]
    return np.array(accuracies), np.array(thresholds)


def standard_error(values: ArrayLike) -> float:
    """The standard error of the mean of `values` (M,): their standard deviation over M - 1, by the root of M."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def fit_pca(features: np.ndarray, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean (D,) of `features` (N, D) and their first principal axes (D, dimensions), of length 1."""
    mean = features.mean(axis=0)
    _, _, axes = np.linalg.svd(features - mean, full_matrices=False)
    return mean, axes[:dimensions].T
