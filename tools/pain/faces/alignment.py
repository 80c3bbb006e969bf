"""A face's landmarks on caffe-face's template: the similarity transform, the warped image, interpolation over time."""
from __future__ import annotations

import numpy as np
import skimage.io
import skimage.transform

SHAPE = 112, 96
# Where the landmarks go, in pixels (x, y) of the 112 x 96 image. caffe-face gives them in MATLAB's convention, whose
# first pixel is 1; here it is 0.
LANDMARKS = "left_eye", "right_eye", "nose", "mouth_left", "mouth_right"
TEMPLATE = np.array([(30.2946, 51.6963), (65.5318, 51.5014), (48.0252, 71.7366),
                     (33.5493, 92.3655), (62.7299, 92.2041)]) - 1


def align(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The image warped so that its landmarks come to lie on the template, by the least-squares similarity transform.

    image: (height, width, 3) uint8; landmarks: (5, 2) x, y. Returns (112, 96, 3) uint8, black outside the image.
    """
    to_template = skimage.transform.estimate_transform("similarity", landmarks, TEMPLATE)
    from_template = skimage.transform.SimilarityTransform(matrix=np.linalg.inv(to_template.params))
    corners = from_template([(0, 0), (SHAPE[1], 0), (0, SHAPE[0]), SHAPE[::-1]])
    # The part that is needed, with a pixel to spare: of a large image the rest takes most of the time.
    (left, top), (right, bottom) = (np.clip(edge, 0, image.shape[1::-1]).astype(int) for edge in (
        np.floor(corners.min(0)) - 1, np.ceil(corners.max(0)) + 2))
    if left >= right or top >= bottom:
        return np.zeros((*SHAPE, 3), np.uint8)
    part = skimage.transform.SimilarityTransform(translation=(-left, -top))
    warped = skimage.transform.warp(image[top:bottom, left:right], from_template + part, output_shape=SHAPE, order=1,
                                    preserve_range=True)
    return np.round(warped).astype(np.uint8)


def interpolate(landmarks: list[np.ndarray | None]) -> np.ndarray:
    """Fill the undetected frames of a video linearly from their neighbours, and with the nearest at its ends.

    landmarks: list, a frame each, of (5, 2) arrays or None, at least one an array. Returns (frames, 5, 2).
    """
    known = [i for i, points in enumerate(landmarks) if points is not None]
    values = np.array([landmarks[i] for i in known]).reshape(len(known), -1)
    return np.stack([np.interp(np.arange(len(landmarks)), known, column) for column in values.T], 1).reshape(-1, 5, 2)


def save(path, image):
    """Write an aligned face."""
    skimage.io.imsave(str(path), image, check_contrast=False)
