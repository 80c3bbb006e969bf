"""orientation.py: which way up a face is, for real and drawn ones turned all four ways; and where a turned one is."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pain.datasets.synthetic import faces as drawn
from pain.faces.detector import Face
from pain.faces.orientation import TURNS, righted, turn_of, turned_face, upright_log_odds
from support.faces import ASTRONAUT


def turn(image, degrees):
    """The image turned clockwise."""
    return np.rot90(image, -degrees // 90)


def drawn_face(seed):
    face = drawn.Face()
    who = drawn.subject(face, np.random.RandomState([3, seed]))
    image = drawn.render(face, who, dict.fromkeys(drawn.HIGHEST, 0), drawn.Pose(0, 0, 0.1, 1))
    return np.round(255 * image.clip(0, 1)).astype(np.uint8)


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from(TURNS), st.data())
def test_a_turned_face_is_where_it_was(height, width, turned, data):
    """Each of five pixels is found again by its colour."""
    upright = np.arange(height * width).reshape(height, width)
    image = turn(upright, turned)
    assert np.array_equal(righted(image, turned), upright)
    y, x = (np.array(data.draw(st.lists(st.integers(0, size - 1), min_size=5, max_size=5))) for size in upright.shape)
    face = turned_face(Face(np.array([x[0], y[0], 2., 3.]), 0.9, np.stack([x, y], 1)), turned, image.shape)
    assert [image[v, u] for u, v in face.landmarks] == upright[y, x].tolist() and face.confidence == 0.9
    assert face.box[2:].tolist() == ([2, 3] if turned % 180 == 0 else [3, 2])
    corners = face.box[:2] + face.box[2:] * np.array([(0, 0), (1, 0), (0, 1), (1, 1)])[:, None].reshape(4, 2)
    assert face.landmarks[0].tolist() in corners.tolist()  # the box's top left corner when it was upright


@pytest.mark.parametrize("image", [ASTRONAUT, drawn_face(1), drawn_face(2)], ids=["astronaut", "drawn", "drawn, too"])
def test_a_face_is_known_by_its_four_turns(detector, image):
    upright = detector([image])[0].box
    for turned in TURNS:
        picture = turn(image, turned)
        box = turned_face(Face(upright, 1, np.zeros((5, 2))), turned, picture.shape).box
        log_odds, = upright_log_odds(detector, [(picture, box)])
        assert turn_of(log_odds) == turned and log_odds[turned // 90] > 4 + np.delete(log_odds, turned // 90).max()
        again = upright_log_odds(detector, 2 * [(picture, box)], [turned])
        np.testing.assert_allclose(again, np.full((2, 1), log_odds[turned // 90]), atol=1e-3)


def test_what_lies_beyond_the_image_is_black(detector):
    boxes = np.array([(-30., -30, 60, 60), (310, 230, 60, 80), (500, 500, 20, 20), (10, 10, 0.2, 0.2)])
    assert np.isfinite(upright_log_odds(detector, [(ASTRONAUT, box) for box in boxes])).all()


@pytest.mark.parametrize("log_odds, expected, turned", [
    ([9, 1, 2, 1], 0, 0), ([1, 9, 2, 1], 0, 90), ([1, 2, 9, 1], 0, 180), ([1, 2, 1, 9], 180, 270),
    ([5, 1, 4.5, 1], 0, None), ([1, 7, 1, 7.5], 0, None),  # which end is up
    ([7, 7.3, 1, 2], 0, 0), ([7, 7.3, 1, 2], 90, 90), ([6, 7.3, 1, 2], 0, 90), ([7, 1, 2, 7.3], 270, 270),  # oblique
    ([0, -4, -3, -5], 0, 0), ([-1, 3, 0, -3], 0, None)])  # little of a face; one that is not expected needs more
def test_what_log_odds_say(log_odds, expected, turned):
    assert turn_of(np.array(log_odds, float), expected) == turned
