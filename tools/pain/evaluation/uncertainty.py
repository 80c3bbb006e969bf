"""How far a figure, or the difference of two, would move with other subjects: intervals and p values over subjects.

What was held out, and what a new sample would bring, are subjects: the frames of one are anything but independent. So
subjects, and never frames, are drawn.

    interval      the percentile bootstrap: of 10,000 draws of S subjects with replacement, the middle 95 % of the
                  figure. Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13
    difference    the same of the difference of two results, both on the same draw
    p             two-sided permutation test of the hypothesis that it is chance which of the two results gave which of
                  a subject's predictions: they are swapped for every subject with probability one half, 10,000 times,
                  and p is the share of differences at least as large, the one observed counted as one of them, so
                  that p is never 0. Phipson & Smyth, Statistical Applications in Genetics and Molecular Biology 9, 2010
    corrected p   for as many comparisons as stand in the table: Holm, Scandinavian Journal of Statistics 6, 1979

A draw in which a figure is undefined is left out of its interval. With fewer than two subjects there is no interval and
no p. The percentile interval of few and skewed subjects is somewhat too narrow. The same seed gives the same draws,
with any NumPy.
"""
from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

DRAWS, SEED, LEVEL = 10000, 1, 0.95


class Draws(NamedTuple):
    """Sets of S subjects."""

    weights: np.ndarray  # (B, S) float: how often each is drawn
    swaps: np.ndarray  # (B, S) bool: whether its predictions are swapped


class Comparison(NamedTuple):
    """How two results differ in M metrics, (M,) each."""

    difference: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray


@lru_cache(maxsize=4)
def make_draws(subjects, draws=DRAWS, seed=SEED):
    """The Draws of a number of subjects that intervals and tests are made from. The same for the same arguments."""
    random = np.random.RandomState(seed)
    drawn = random.randint(subjects, size=(draws, subjects))
    places = drawn + subjects * np.arange(draws)[:, None]
    weights = np.bincount(places.ravel(), minlength=draws * subjects).reshape(draws, subjects).astype(float)
    return Draws(weights, random.randint(2, size=(draws, subjects)).astype(bool))


def with_intervals(score, draws):
    """A result's figures and their intervals, (M,) each: figure, low, high. score: of protocols.scored()."""
    figure, = score.figures(np.ones((1, score.subjects)))
    return (figure, *interval(score.figures(draws.weights), score.subjects))


def compare_two(score, other, draws):
    """The Comparison of two results of the same frames: the first one's figures less the second one's."""
    difference, = score.differences(other, np.ones((1, score.subjects)))
    low, high = interval(score.differences(other, draws.weights), score.subjects)
    return Comparison(difference, low, high, p_value(difference, score.swapped(other, draws.swaps), score.subjects))


def interval(drawn: np.ndarray, subjects: int, level: float = LEVEL) -> np.ndarray:
    """The middle `level` of `drawn` (B, M), NaN left out: low and high, (M,) each, NaN for fewer than two subjects."""
    if subjects < 2:
        return np.full((2, drawn.shape[1]), np.nan)
    ends = [100 * (1 - level) / 2, 100 * (1 + level) / 2]
    defined = ~np.isnan(drawn)
    return np.transpose([np.percentile(column[some], ends) if some.any() else [np.nan, np.nan]
                         for column, some in zip(drawn.T, defined.T)])


def p_value(observed: np.ndarray, permuted: np.ndarray, subjects: int) -> np.ndarray:
    """Two-sided p, (M,): how often `permuted` (P, M) lies as far from 0 as `observed` (M,) at least, itself counted."""
    reached = np.abs(permuted) >= np.abs(observed) * (1 - 1e-9) - 1e-15  # equal but for rounding is equal
    defined = ~np.isnan(permuted)
    p = ((reached & defined).sum(axis=0) + 1) / (defined.sum(axis=0) + 1)
    return np.where(np.isnan(observed) | (subjects < 2), np.nan, p)


def holm(p: ArrayLike) -> np.ndarray:
    """Holm's step-down correction of p values, (K,) float, NaN left alone and not counted. Returns (K,), at most 1."""
    p = np.asarray(p, float)
    corrected, order = np.full(len(p), np.nan), np.argsort(p)[:(~np.isnan(p)).sum()]
    corrected[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)))
    return corrected
