"""Episodes of pain in a curve: onset, apex and offset, and how long it is at least so strong."""
import numpy as np

from pain.errors import Problem
from pain.files import rounded
from pain.video.curve import DECIMALS
from pain.video.tracks import lasts, pauses

ROUNDING = 10. ** (1 - DECIMALS["time_s"])  # seconds, ten times the last decimal of curve.csv's times
THRESHOLDS, MINIMUM = (1, 2, 3), 0.2  # of intensity; seconds


def check_above(values: list[float]) -> None:
    """Raise Problem unless --above's values are intensities that a curve can reach."""
    if not all(0 < value <= 5 for value in values):
        raise Problem("--above %s: out of range; intensities are above 0, and 5 at most"
                      % " ".join("%g" % value for value in values))


def time_at_least(values: np.ndarray, durations: np.ndarray, known: float, threshold: float) -> dict:
    """For how long the values are at least the threshold, and the share of the seconds `known` that is."""
    seconds = durations[values >= threshold].sum() if known > 0 else np.nan  # false for NaN
    return dict(seconds=rounded(seconds), share=rounded(seconds / known if known > 0 else np.nan))


def episodes(values: np.ndarray, times: np.ndarray, threshold: float,
             minimum: float = MINIMUM) -> list[tuple[int, int]]:
    """The first and the last frame of each episode, a list of pairs of indices into (N,) values and times.

    Episodes closer than `minimum` are one, but a pause of the video ends one in any case.
    """
    above, pause = values >= threshold, pauses(times)
    on = np.concatenate([[False], above[1:] & above[:-1] & ~pause, [False]])[:len(times) + 1]  # with the one before
    first, last = np.flatnonzero(above & ~on[:-1]), np.flatnonzero(above & ~on[1:])
    end, joined = times + lasts(times), []
    for a, b in zip(first.tolist(), last.tolist()):
        if joined and times[a] - end[joined[-1][1]] < minimum - ROUNDING and not pause[joined[-1][1]:a].any():
            a = joined.pop()[0]
        joined.append((a, b))
    return [(a, b) for a, b in joined if end[b] - times[a] >= minimum - ROUNDING]


def of_episode(values: np.ndarray, times: np.ndarray, durations: np.ndarray, first: int, last: int) -> dict:
    """When an episode begins, is highest and ends, in seconds, and how high it is, highest and on average."""
    inside = slice(first, last + 1)
    apex = first + np.nanargmax(values[inside])
    return dict(onset_s=rounded(times[first]), apex_s=rounded(times[apex]),
                offset_s=rounded(times[last] + durations[last]), apex=rounded(values[apex]),
                mean=rounded(mean_over_time(values[inside], durations[inside])))


def mean_over_time(values: np.ndarray, durations: np.ndarray) -> float:
    """The mean of the values that are there, each weighing as long as it lasts; NaN if none is."""
    known = ~np.isnan(values)
    if not known.any():
        return np.nan
    return np.average(values[known], weights=durations[known] if durations[known].any() else None)


def quantile_over_time(values: np.ndarray, durations: np.ndarray, share: float) -> float:
    """What the values are at most for this share of the time that they are there; NaN if none is.

    Interpolated between the middles of what each value lasts, sorted: of frames that last equally long it is NumPy's.
    """
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return np.nan
    order = known[np.argsort(values[known], kind="stable")]
    middles = np.cumsum(durations[order]) - durations[order] / 2
    return np.interp(middles[0] + share * (middles[-1] - middles[0]), middles, values[order])
