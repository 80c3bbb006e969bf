"""How far raters agree: the ceiling that a net is compared with, for no net can be closer to all of them than they are.

    ICC(2,1)    of one rater drawn from many, a shift counted as disagreement: (BMS - EMS) / (BMS + (k - 1) EMS +
                k (JMS - EMS) / n). Shrout & Fleiss 1979
    ICC(3,k)    of the mean of these k raters, but for shifts: (BMS - EMS) / BMS. The same
    alpha       Krippendorff's, of interval data: 1 - observed / expected disagreement, squared differences both.
                Krippendorff, Content Analysis, 2004, chapter 11

BMS, JMS and EMS are the mean squares between the n frames, between the k raters, and of what remains. The ICCs are of
the frames that all have rated, alpha of those that two or more have. What is divided by zero is NaN. NumPy only, and
linear in the frames: labels may be continuous and many.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pain.evaluation.metrics import ratio

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

UNDEFINED = float("nan")


class Agreement(NamedTuple):
    """How far k raters agree on N frames."""

    frames: int  # that all have rated
    icc21: float
    icc3k: float
    alpha: float


def agreement(ratings: ArrayLike) -> Agreement:
    """The Agreement of ratings, (k, N) float, a rater's each, NaN where one has not rated a frame."""
    ratings = np.asarray(ratings, float)
    of_all = ratings[:, ~np.isnan(ratings).any(axis=0)]
    return Agreement(of_all.shape[1], *iccs(of_all), alpha(ratings))


def iccs(ratings: np.ndarray) -> tuple[float, float]:
    """ICC(2,1) and ICC(3,k) of ratings without gaps, (k, N); NaN for less than two raters or frames."""
    k, n = ratings.shape
    if k < 2 or n < 2 or not np.ptp(ratings):
        return UNDEFINED, UNDEFINED
    centred = ratings - ratings.mean()
    of_frames, of_raters = centred.mean(axis=0), centred.mean(axis=1)
    bms, jms = k * (of_frames @ of_frames) / (n - 1), n * (of_raters @ of_raters) / (k - 1)
    rest = centred - of_frames - of_raters[:, None]
    ems = np.square(rest).sum() / ((n - 1) * (k - 1))
    return (ratio(bms - ems, bms + (k - 1) * ems + k * (jms - ems) / n),
            ratio(bms - ems, bms) if np.ptp(ratings.mean(axis=0)) else UNDEFINED)


def alpha(ratings: np.ndarray) -> float:
    """Krippendorff's alpha of ratings (k, N), NaN: none; NaN where all that can be paired are the same."""
    count = (~np.isnan(ratings)).sum(axis=0)
    pairable, count = ratings[:, count > 1], count[count > 1]
    values = pairable[~np.isnan(pairable)]
    if not len(values) or not np.ptp(values):
        return UNDEFINED
    within = np.nansum(np.square(pairable - np.nanmean(pairable, axis=0)), axis=0)
    observed = (count / (count - 1) * within).sum() / len(values)
    return float(1 - observed / values.var(ddof=1))
