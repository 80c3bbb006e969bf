"""Filters of a curve over time: Gaussian and median, of seconds and not of frames."""
from typing import NamedTuple

import numpy as np

from pain.errors import Problem
from pain.video.curve import Row
from pain.video.episodes import ROUNDING
from pain.video.tracks import in_order, lasts, tracks

REACH = 4  # of the Gaussian, in standard deviations
AT_A_TIME = 1 << 20  # numbers that smoothing holds


class Filter(NamedTuple):
    """What a curve is smoothed with."""

    kind: str  # one of FILTERS
    seconds: float  # a Gaussian's standard deviation, a median's window


def smooth(rows: list[Row], kind: str, seconds: float) -> list[Row]:
    """`rows` with `smoothed` filled in, person by person, where there is an intensity; that stays what it was.

    kind: "gaussian", of standard deviation `seconds`, in which frames weigh as long as they last, or "median", of the
    frames within `seconds` / 2 either way. What is missing counts for nothing: neighbours fill its place, and those
    further off than the filter reaches, `seconds` / 2 or REACH standard deviations, do not count.
    """
    if kind not in FILTERS or not seconds > 0:
        raise Problem("smoothing: %s of %s s is none; take %s, and more than 0 s"
                      % (kind, seconds, " or ".join(sorted(FILTERS))))
    place, times = in_order(rows)
    weights = np.minimum(np.gradient(times), lasts(times).max()) if len(times) > 1 else np.ones(len(times))
    smoothed = {}
    for track in tracks(rows):
        smoothed[track.person], known = np.full(len(times), np.nan), ~np.isnan(track.intensity)
        if known.any():
            smoothed[track.person][known] = FILTERS[kind](times[known], track.intensity[known], weights[known], seconds)
    return [row._replace(smoothed=float(smoothed[row.person][place[row.frame]])) if row.person else row for row in rows]


def gaussian(times, values, weights, seconds):
    """The weighted means of `values`, (N,) each, a Gaussian of `seconds` around every one of the times."""
    def mean(index, inside, at):
        weight = np.where(inside, weights[index], 0) * np.exp(-0.5 * ((times[index] - times[at, None]) / seconds) ** 2)
        return (weight * values[index]).sum(axis=1) / weight.sum(axis=1)
    return by_windows(times, REACH * seconds, mean)


def median(times, values, weights, seconds):
    """The medians of the `values`, (N,), within `seconds` / 2 of each of the times."""
    def middle(index, inside, at):
        ordered = np.sort(np.where(inside, values[index], np.inf), axis=1)
        count = inside.sum(axis=1)
        return (ordered[np.arange(len(at)), (count - 1) // 2] + ordered[np.arange(len(at)), count // 2]) / 2
    return by_windows(times, seconds / 2, middle)


def by_windows(times, reach, function):
    """function(index, inside, at) of the frames within `reach` seconds of each of N frames, put together as (N,).

    index: (n, width) int, which frames, for the n frames `at`; inside: (n, width) bool, whether they do count.
    """
    first = np.searchsorted(times, times - reach - ROUNDING)
    end = np.searchsorted(times, times + reach + ROUNDING, "right")
    width = (end - first).max()
    parts = []
    for at in np.array_split(np.arange(len(times)), len(times) * width // AT_A_TIME + 1):
        index = first[at, None] + np.arange(width)
        parts.append(function(np.minimum(index, len(times) - 1), index < end[at, None], at))
    return np.concatenate(parts)


FILTERS = {"gaussian": gaussian, "median": median}


def smoothing(text: str) -> Filter | None:
    """The Filter of --smooth's KIND:SECONDS, None for ''. Raises Problem when it is none."""
    kind, _, seconds = text.partition(":")
    try:
        if kind in FILTERS and 0 < float(seconds) < 1e6:
            return Filter(kind, float(seconds))
    except ValueError:
        pass
    if text:
        raise Problem("--smooth %s: takes %s and seconds, as in gaussian:0.5" % (text, " or ".join(FILTERS)))
    return None
