"""Faces in images, as a function."""
from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Sequence

import numpy as np

from pain.errors import Problem
from pain.faces.detector import MIN_FACE, FaceDetector

if TYPE_CHECKING:
    from pain.faces.detector import Face


def find_faces(images: Sequence[np.ndarray], min_face: float = MIN_FACE) -> list[list[Face]]:
    """All faces in each of some images, by MTCNN with the thresholds that the paper's authors gave it.

    images: (height, width, 3) uint8 arrays, RGB, of any sizes; what is found in one depends on no other. min_face: the
    smallest face looked for, as a share of the image's height, 0..1; unless given the authors', for the archive's large
    faces, and 0.2 is what rate_video() takes. Returns a list of Face an image: box (4,) x, y, width, height; confidence
    0..1; landmarks (5, 2) x, y, left eye, right eye, nose and the mouth's corners as one sees them; all in pixels from
    the top left one's middle. Raises Problem for what is no such image, and where mtcnn or TensorFlow is missing.
    """
    images = list(images)
    for i, image in enumerate(images):
        if getattr(image, "dtype", None) != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise Problem("find_faces: image %d is not (height, width, 3) of uint8; take RGB of 0..255" % i)
    if not 0 < min_face <= 1:
        raise Problem("find_faces: min_face %s is not a share of the image's height, 0..1" % min_face)
    return detector(min_face).faces(images) if images else []


@functools.lru_cache(maxsize=2)
def detector(min_face: float) -> FaceDetector:
    """The process's FaceDetector for such faces: it takes seconds to load, and so is kept."""
    return FaceDetector(os.cpu_count() or 1, min_face)
