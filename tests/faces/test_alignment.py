"""alignment.py: the transform against SciPy's least squares, and interpolation by its definition."""
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import map_coordinates

from pain.faces import alignment
from pain.faces.alignment import align, interpolate
from support.faces import ASTRONAUT, TEMPLATE, fit, similarity


def test_the_template_is_caffe_faces():
    assert alignment.TEMPLATE == pytest.approx(TEMPLATE, abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(st.floats(0.5, 3.5), st.floats(-math.pi, math.pi), st.floats(130, 190), st.floats(130, 190))
def test_landmarks_come_to_lie_on_the_template(scale, angle, x, y):
    """Red and green say how far a pixel is from the landmark next to it: 20 grey levels a pixel of the template."""
    a, b = scale * math.cos(angle), scale * math.sin(angle)
    landmarks = similarity((a, b, x, y), TEMPLATE - TEMPLATE.mean(axis=0))
    grid = np.stack(np.meshgrid(np.arange(320), np.arange(320)), axis=-1)[:, :, None]
    nearest = np.linalg.norm(grid - landmarks, axis=3).argmin(axis=2)
    image = np.zeros((320, 320, 3), np.uint8)
    image[:, :, :2] = np.round(np.clip(128 + 20 / scale * (grid[:, :, 0] - landmarks[nearest]), 0, 255))
    aligned = align(image, landmarks)
    assert aligned.shape == (112, 96, 3) and aligned.dtype == np.uint8
    for channel in 0, 1:  # rounded twice: within a grey level, a twentieth of a pixel
        assert map_coordinates(aligned[:, :, channel].astype(float), TEMPLATE.T[::-1], order=1) == pytest.approx(
            np.full(5, 128), abs=1.001)


@settings(deadline=None, max_examples=40)
@given(st.integers(-20, 20), st.integers(-20, 20))
@example(0, 0)
def test_moved_landmarks_move_the_image_and_outside_is_black(right, down):
    image = np.random.RandomState(0).randint(0, 256, (112, 96, 3)).astype(np.uint8)
    expected = np.pad(image, ((20, 20), (20, 20), (0, 0)))[20 + down:132 + down, 20 + right:116 + right]
    assert (align(image, TEMPLATE + (right, down)) == expected).all()


@settings(deadline=None, max_examples=30)
@given(st.floats(1, 2.5), st.floats(-0.6, 0.6), arrays(float, (5, 2), elements=st.floats(-6, 6)))
def test_transform_is_the_least_squares_optimum(scale, angle, noise):
    a, b = scale * math.cos(angle), scale * math.sin(angle)
    landmarks = similarity((a, b, 160, 110), TEMPLATE - TEMPLATE.mean(axis=0) + noise)
    a, b, x, y = fit(landmarks)
    columns, rows = np.meshgrid(np.arange(96) - x, np.arange(112) - y)
    source = np.stack([a * rows - b * columns, a * columns + b * rows]) / (a * a + b * b)  # its inverse
    inside = ((source >= 1) & (source.T < (238, 318)).T).all(axis=0)
    expected = np.stack([map_coordinates(channel.astype(float), source, order=1)
                         for channel in ASTRONAUT.transpose(2, 0, 1)], axis=-1)
    assert inside.sum() > 1000
    assert np.abs(align(ASTRONAUT, landmarks) - expected)[inside].max() < 0.51


def test_interpolation_by_hand():
    one, two = np.arange(10.0).reshape(5, 2), 10 * np.ones((5, 2))
    landmarks = interpolate([None, one, None, None, None, two, None, None])
    assert landmarks.shape == (8, 5, 2)
    assert (landmarks[:2] == one).all() and (landmarks[5:] == two).all()
    assert landmarks[2:5, 1] == pytest.approx(np.array([[4, 4.75], [6, 6.5], [8, 8.25]]))


@given(st.lists(st.none() | arrays(float, (5, 2), elements=st.floats(-1000, 1000)), min_size=1, max_size=8).filter(
    lambda landmarks: any(points is not None for points in landmarks)))
def test_interpolation_by_its_definition(landmarks):
    known = [i for i, points in enumerate(landmarks) if points is not None]
    for i, points in enumerate(interpolate(landmarks)):
        before = max((k for k in known if k <= i), default=known[0])
        after = min((k for k in known if k >= i), default=known[-1])
        share = (i - before) / (after - before) if before < after else 0
        assert points == pytest.approx((1 - share) * landmarks[before] + share * landmarks[after], abs=1e-9)
