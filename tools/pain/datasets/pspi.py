"""PSPI, the Prkachin and Solomon pain intensity of a frame's action units, and its quantisation to 0..5."""
from __future__ import annotations

from typing import TYPE_CHECKING, Callable

import numpy as np

from pain.errors import Problem

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike

CLASSES = 6  # quantised intensities 0..5
MAX_PSPI = 16


def pspi(au4: float, au6: float, au7: float, au9: float, au10: float, au43: float) -> float:
    """Prkachin and Solomon's pain intensity, 0..16, of action unit intensities 0..5 (AU43: 0 or 1)."""
    return au4 + max(au6, au7) + max(au9, au10) + au43


def class_of(label: ArrayLike) -> np.ndarray:
    """The class of a label that need be no integer, such as the mean of several raters: the nearest one, half up.

    label: a number or an array of any shape. Returns int64 of the same shape.
    """
    return np.floor(np.asarray(label) + 0.5).astype(int)


def quantise(intensity: ArrayLike) -> np.ndarray:
    """The paper's classes 0..5 of PSPI values 0..16: 0 1 2 3 stay, 4 and 5 are 4, 6 and more are 5.

    intensity: a number or an array of any shape, rounded first if need be. Returns int64 of the same shape.
    """
    return np.digitize(np.floor(np.asarray(intensity, float) + 0.5), (1, 2, 3, 4, 6))


def parse_pspi(text: str, where: str | Path, to_number: Callable[[str], float] = float) -> float:
    """`text` as a PSPI value (float, 0..16), by `to_number`. Raises Problem naming `where` when it is not one."""
    try:
        value = to_number(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= MAX_PSPI:  # false for nan as well
        raise Problem("%s: label %r is not a PSPI between 0 and %d" % (where, text.strip()[:40], MAX_PSPI))
    return value
