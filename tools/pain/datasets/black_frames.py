"""Frames as they are read: those that are black, or no image, are left out with the reason."""
from __future__ import annotations

from typing import TYPE_CHECKING

from pain.errors import Problem
from pain.images import read_rgb

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

BLACK = 16  # a frame without a pixel as bright as this shows nothing


def read_frame(path: str | Path) -> np.ndarray | str:
    """A frame as (height, width, 3) uint8 RGB, or the reason, a str, why it cannot be used."""
    try:
        image = read_rgb(path)
    except Problem as problem:
        return str(problem)[len(str(path)) + 2:]
    return image if image.max() >= BLACK else "black"
