"""The features that OSVR is fed with: where a face's landmarks are, its texture (LBP), its edges (Gabor).

    landmarks    MTCNN's five, in pixels of the aligned face: 10 numbers; or the archive's 66 of its AAM: 132
    lbp          uniform local binary patterns of 8 neighbours, their 59 kinds counted in 5 x 5 patches: 1,475
    gabor        the magnitude of 5 scales and 8 orientations of Gabor filters, averaged in 5 x 5 patches: 1,000

OSVR's authors name the kinds; LBP's patches and the number of Gabor responses are a replication's. The face is the
aligned one of 112 x 96 (theirs: 100 x 100). The filters, their scales and the averages are ours.
"""
from __future__ import annotations

import hashlib
import io
from functools import lru_cache
from pathlib import Path
from typing import Mapping, Sequence

import numpy as np
import scipy.fft
import skimage.color
import skimage.feature
import skimage.filters
import skimage.transform

from pain.datasets.unbc import read_label
from pain.errors import Problem
from pain.faces.alignment import LANDMARKS, SHAPE, TEMPLATE
from pain.files import replacing
from pain.images import read_image

KINDS = "landmarks", "lbp", "gabor"
PATCHES = 5  # down and across
LBP_KINDS = 59
WAVELENGTHS = 4, 4 * 2 ** 0.5, 8, 8 * 2 ** 0.5, 16  # pixels
ORIENTATIONS = 8
AAM_POINTS = 66
FURTHEST = 1e5  # pixels from an image's first, beyond which there is no landmark
VERSION = 1  # of what features() gives: a cache of another one is made again


def features(face: np.ndarray, points: np.ndarray) -> dict[str, np.ndarray]:
    """A frame's features, {kind: (n,) float32}. face: (112, 96, 3) uint8, aligned; points: (n, 2), aligned as well."""
    grey = skimage.color.rgb2gray(face)
    return {"landmarks": np.asarray(points, np.float32).ravel(), "lbp": lbp(grey), "gabor": gabor(grey)}


def patches(image):
    """The PATCHES x PATCHES parts of an image (height, width, ...), row by row."""
    return [part for rows in np.array_split(image, PATCHES) for part in np.array_split(rows, PATCHES, axis=1)]


def lbp(grey: np.ndarray) -> np.ndarray:
    """How often each uniform pattern is in each patch, (1475,) float32, a patch after the other; each sums to 1."""
    codes = skimage.feature.local_binary_pattern(np.round(255 * grey).astype(np.uint8), 8, 1, "nri_uniform")
    return np.concatenate([np.bincount(part.ravel(), minlength=LBP_KINDS) / part.size
                           for part in patches(codes.astype(int))]).astype(np.float32)


def gabor(grey: np.ndarray) -> np.ndarray:
    """The filters' mean magnitude in each patch, (1000,) float32: patches of a filter, filters of a scale."""
    spectra, size, margin = gabor_spectra()
    image = scipy.fft.fft2(grey.astype(np.float32), size)
    responses = np.abs(scipy.fft.ifft2(image * spectra))[:, margin:margin + SHAPE[0], margin:margin + SHAPE[1]]
    return np.stack([part.mean(axis=(0, 1)) for part in patches(np.moveaxis(responses, 0, -1))], 1).ravel()


@lru_cache(maxsize=1)
def gabor_spectra():
    """The filters' Fourier transforms, (40, height, width) complex64, that size, and the largest filter's half width.
    """
    kernels = [skimage.filters.gabor_kernel(1 / wavelength, np.pi * turn / ORIENTATIONS)
               for wavelength in WAVELENGTHS for turn in range(ORIENTATIONS)]
    kernels = [kernel - kernel.mean() for kernel in kernels]  # blind to brightness
    margin = max(side // 2 for kernel in kernels for side in kernel.shape)
    size = tuple(scipy.fft.next_fast_len(side + 2 * margin) for side in SHAPE)
    centred = np.zeros((len(kernels), *size), np.complex64)
    for filled, kernel in zip(centred, kernels):
        top, left = (margin - side // 2 for side in kernel.shape)
        filled[top:top + kernel.shape[0], left:left + kernel.shape[1]] = kernel
    return scipy.fft.fft2(centred), size, margin


def aligned_points(row: Mapping[str, str], points: np.ndarray | None = None) -> np.ndarray:
    """A frame's landmarks where alignment put them, in pixels of the aligned face, (n, 2).

    row: of frames.csv, whose five landmarks say how the frame was aligned; points: others in the frame, (n, 2). Raises
    Problem for a row without them.
    """
    try:
        five = np.array([[float(row[name + "_x"]), float(row[name + "_y"])] for name in LANDMARKS])
    except (KeyError, ValueError):
        five = np.full((len(LANDMARKS), 2), np.nan)
    if not (np.abs(five) < FURTHEST).all():  # NaN neither
        raise Problem("frames.csv: frame %s/%s/%s has no landmarks; make it again with `make align`" % tuple(
            row.get(column) for column in ("subject", "video", "frame")))
    to_template = skimage.transform.estimate_transform("similarity", five, TEMPLATE)
    return to_template(five if points is None else points)


def aam_file(root: str | Path, subject: str, video: str, frame: str) -> Path:
    """Where the archive has its landmarks of a frame."""
    return Path(root) / "AAM_landmarks" / subject / video / (frame + "_aam.txt")


def read_aam(root: str | Path, subject: str, video: str, frame: str) -> np.ndarray:
    """The archive's 66 landmarks of a frame, (66, 2) x, y in its pixels. Raises Problem when missing or damaged."""
    path = aam_file(root, subject, video, frame)
    try:
        points = np.array([line.split() for line in read_label(path).splitlines() if line.strip()], float)
    except ValueError:
        points = np.zeros(0)
    if points.shape != (AAM_POINTS, 2) or not (np.abs(points) < FURTHEST).all():  # NaN neither
        raise Problem("%s: not %d landmarks, x and y in a row each" % (path, AAM_POINTS))
    return points


def video_features(aligned: str | Path, rows: Sequence[Mapping[str, str]], cache: str | Path,
                   archive: str | Path | None = None) -> dict[str, np.ndarray]:
    """The features of a video's aligned frames, {kind: (T, n) float32}, from the cache if the same were made before.

    aligned: the folder that `make align` made; rows: of its frames.csv, a video's that are not missing; cache: a
    folder; archive: where its AAM_landmarks are, to take these instead of the five. Raises Problem for a damaged face.
    """
    subject, video = rows[0]["subject"], rows[0]["video"]
    contents = [(Path(aligned) / subject / video / (row["frame"] + ".png")).read_bytes() for row in rows]
    points = [aligned_points(row, None if archive is None else read_aam(archive, subject, video, row["frame"]))
              for row in rows]
    digest = hashlib.sha256(repr((VERSION, len(rows))).encode())
    for content, of_frame in zip(contents, points):
        digest.update(hashlib.sha256(content).digest() + of_frame.tobytes())
    path = Path(cache) / subject / ("%s-%s.npz" % (video, digest.hexdigest()[:16]))
    if not path.exists():
        paths = [Path(aligned) / subject / video / (row["frame"] + ".png") for row in rows]
        made = [features(read_face(path), of_frame) for path, of_frame in zip(paths, points)]
        content = io.BytesIO()
        np.savez(content, **{kind: np.stack([of_frame[kind] for of_frame in made]) for kind in KINDS})
        with replacing(path) as partial:
            partial.write_bytes(content.getvalue())
    with np.load(io.BytesIO(path.read_bytes())) as stored:
        return {kind: stored[kind] for kind in KINDS}


def read_face(path):
    """An aligned face, (112, 96, 3) uint8. Raises Problem when it is none."""
    image = read_image(path)
    if image.shape != (*SHAPE, 3):
        raise Problem("%s: not a colour image of 112 x 96; remove it and run `make align`" % path)
    return image
