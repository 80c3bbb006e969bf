"""face_features.py: the middle of an image is nearly the aligned face, where no face was found."""
import numpy as np
import pytest
import skimage.data
from skimage.feature import Cascade

from pain.evaluation.face_features import centre_crop
from pain.faces.aligned_people import MIN_FACE
from pain.faces.alignment import TEMPLATE
from pain.faces.detector import FaceDetector


def test_the_crop_shows_the_middle():
    """Red and green are an LFW image's columns and rows; the detector's box is the 2.2nd part of them."""
    image = np.stack([*np.mgrid[:250, :250][::-1], np.zeros((250, 250))], axis=2).astype(np.uint8)
    cropped = centre_crop(image).astype(float)
    assert cropped.shape == (112, 96, 3)
    box = 250 / 2.2
    pixel = 1.25 * box / 112
    assert cropped[:, :, 0] == pytest.approx(np.tile(124.5 + pixel * (np.arange(96) - 47.5), (112, 1)), abs=0.51)
    assert cropped[:, :, 1] == pytest.approx(np.tile(124.5 - box / 10 + pixel * (np.arange(112) - 55.5), (96, 1)).T,
                                             abs=0.51)


def test_the_crop_is_nearly_the_aligned_face_where_viola_and_jones_detector_frames_the_image():
    astronaut = skimage.data.astronaut()
    found = Cascade(skimage.data.lbp_frontal_face_cascade_filename()).detect_multi_scale(
        astronaut, 1.1, 1, (60, 60), (200, 200))
    box = max(found, key=lambda one: one["width"])
    side, middle = box["width"] * 2.2, np.array([box["r"], box["c"]]) + box["width"] / 2
    top, left = np.round(middle - side / 2).astype(int)
    framed = np.pad(astronaut, ((60, 60), (60, 60), (0, 0)))[60 + top:, 60 + left:][:round(side), :round(side)]
    padded = np.pad(centre_crop(framed), ((40, 40), (40, 40), (0, 0)))
    face, = FaceDetector(2, MIN_FACE)([padded])
    assert np.abs(face.landmarks - 40 - TEMPLATE).mean() < 5  # of 112 x 96 pixels
