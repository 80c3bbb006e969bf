"""Long curves, drawn no finer than a picture shows them."""
from __future__ import annotations

import numpy as np

COLUMNS = 1100  # about the pixels across the axes of a curve's picture


def columns(times: np.ndarray, most: int = COLUMNS) -> np.ndarray:
    """Where the pixel columns of the picture begin among N frames, (M,) int: all of them, unless they are many."""
    if len(times) <= 2 * most:
        return np.arange(len(times))
    column = np.floor(most * (times - times[0]) / (times[-1] - times[0]))
    return np.flatnonzero(np.append(True, np.diff(column) > 0))


def thinned(times: np.ndarray, values: np.ndarray, most: int = COLUMNS) -> tuple[np.ndarray, np.ndarray]:
    """The points of a line of N values, (M,) each: all, or the least and the greatest value of each pixel column."""
    starts = columns(times, most)
    if len(starts) == len(times):
        return times, values
    ends = np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)
    return np.repeat(times[starts], 2), np.transpose(ends).ravel()
