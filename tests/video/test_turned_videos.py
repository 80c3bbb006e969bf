"""Which way up people are: one orientation a stretch, voted on, cheap where all is upright, the same however it is run.

The detector here finds a red square and is the surer of it the more of its light is above.
"""
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pain.faces.alignment import SHAPE, TEMPLATE
from pain.faces.detector import Face
from pain.faces.orientation import TURNS, turned_face
from pain.video import orientation as orientation_module
from pain.video.curve import FOUND, NONE, ORIENTATION
from pain.video.estimator import Estimator
from pain.video.orientation import AGAIN, SEARCH, Orientation
from pain.video.source import Frame, open_video
from support.project import SHARED, needs_shared

SIDE = 24


class Squares:
    """What finds red squares; `anyway` says whether it finds one that is not upright, too."""

    SEES, min_face = 48, 0.2

    def __init__(self, anyway=True):
        self.anyway, self.images, self.patches = anyway, 0, 0

    def faces(self, images, smallest=None):
        self.images += len(images)
        return [self.in_image(image) for image in images]

    def in_image(self, image):
        y, x = np.nonzero(image[:, :, 0] == 255)
        if not len(y):
            return []
        box = np.array([x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1], float)
        square = image[y.min():y.max() + 1, x.min():x.max() + 1, 2]
        if not self.anyway and (len(square) < 4 or square[:len(square) // 2].mean() < square.mean() + 5):
            return []
        return [Face(box, 0.99, box[:2] + box[2:] * TEMPLATE / SHAPE[::-1])]

    def log_odds(self, patches):
        self.patches += len(patches)
        middle = patches[:, 12:36, 12:36, 2].astype(float)
        return (middle[:, :12].mean((1, 2)) - middle[:, 12:].mean((1, 2))) / 15


SCENES = np.random.RandomState(0).randint(0, 200, (6, 60, 80, 3)).astype(np.uint8)


def picture(scene, turned=0, face=True, light=200, held=0):
    """A scene with a square whose upper half is light, all turned clockwise, and the square, besides, by `held`."""
    image = SCENES[scene].copy()
    if face:
        square = np.zeros((SIDE, SIDE, 3), np.uint8)
        square[:, :, 0], square[:SIDE // 2, :, 2] = 255, light
        image[10:10 + SIDE, 30:30 + SIDE] = np.rot90(square, -held // 90)
    return np.ascontiguousarray(np.rot90(image, -turned // 90))


def frames_of(images):
    return [Frame(i, i / 25, image) for i, image in enumerate(images)]


def settled(images, detector=None, batch=16, ahead=0):
    """What an Orientation settles of images: a list of (Frame, Faces). ahead: batches that are looked at beforehand."""
    orientation, frames = Orientation(detector or Squares()), frames_of(images)
    batches = [frames[i:i + batch] for i in range(0, len(frames), batch)]
    waiting, found = [], []
    for one in batches + [None] * ahead:
        waiting += [orientation.find(one)] if one else []
        if len(waiting) > ahead or not one and waiting:
            found += orientation.settle(*waiting.pop(0))
    return [(frame, faces) for frame, faces, _ in found]


@pytest.mark.parametrize("turned", TURNS)
def test_a_turned_video_is_righted_and_its_landmarks_are_where_they_are(turned):
    upright, = Squares().in_image(picture(0))
    for frame, (face,) in settled([picture(0, turned)] * 20):
        expected = turned_face(upright, turned, frame.image.shape)
        assert frame.turned == turned
        np.testing.assert_allclose(face.landmarks, expected.landmarks)
        np.testing.assert_allclose(face.box, expected.box)


stretches = st.lists(st.tuples(st.integers(3, 40), st.sampled_from(TURNS)), min_size=1, max_size=5)


@settings(max_examples=20, deadline=None)
@given(stretches, st.sampled_from([1, 5, 16]), st.integers(0, 3), st.booleans())
def test_each_stretch_has_its_own(stretches, batch, ahead, anyway):
    images, expected = [], []
    for scene, (length, turned) in enumerate(stretches):
        images += [picture(scene, turned)] * length
        expected += [turned] * length
    found = settled(images, Squares(anyway), batch, ahead)
    assert [frame.number for frame, _ in found] == list(range(len(images)))
    assert [frame.turned for frame, _ in found] == expected and all(len(faces) == 1 for _, faces in found)


def test_several_frames_vote():
    """One that looks upside down, or of which nothing can be told, does not turn the others."""
    for at, other, turned in itertools.product((0, 5, 10), (dict(held=180, light=120), dict(light=0)), TURNS):
        images = [picture(0, turned)] * 16
        images[at] = picture(0, turned, **other)
        assert {frame.turned for frame, _ in settled(images)} == {turned}


def test_where_nothing_tells_it_is_doubted_until_something_does():
    estimator = Estimator(lambda faces: np.ones((len(faces), 1)), Squares(), gap=0, all_upright=False)
    images = [picture(0, light=0)] * 20 + [picture(0, held=180)] * 30
    rows = [row for _, (row,) in estimator.run(iter(frames_of(images)))]
    assert [(row.turned, row.doubt == ORIENTATION) for row in rows] == [(None, True)] * 16 + [(180, False)] * 34
    assert all(np.isnan(row.intensity) and row.face == FOUND for row in rows[:16])


def test_without_a_face_nothing_is_said_and_one_that_comes_later_is_searched_for():
    images = [picture(0, 90, face=False)] * 70 + [picture(0, 90)] * 122
    found = settled(images, Squares(anyway=False))
    seen = next(i for i, (_, faces) in enumerate(found) if faces)
    assert 70 <= seen <= 70 + SEARCH + 16 and {frame.turned for frame, _ in found[:seen]} <= {None, 90}
    assert all(frame.turned == 90 and faces for frame, faces in found[seen:])


def test_what_is_hardly_a_face_does_not_speak_for_people_on_their_side():
    images = [picture(0, 90, light=20, held=270)] + [picture(0, 90)] * 19  # the first one is upright
    assert {frame.turned for frame, _ in settled(images, Squares(anyway=False))} == {90}


def test_people_who_turn_without_a_cut_are_noticed():
    images = [picture(0)] * 100 + [picture(0, held=180)] * 300
    turns = [frame.turned for frame, _ in settled(images)]
    assert turns[:100] == [0] * 100 and turns[100 + AGAIN + 16:] == [180] * (300 - AGAIN - 16)


def test_upright_it_is_cheap():
    detector = Squares()
    settled([picture(0)] * 4 * AGAIN, detector)
    assert detector.images == 4 * AGAIN  # once each
    assert detector.patches <= 5 * 5 * orientation_module.VOTES
    nobody = Squares()
    settled([picture(0, face=False)] * 4 * AGAIN, nobody)
    assert nobody.images < 1.15 * 4 * AGAIN and nobody.patches == 0


@pytest.mark.parametrize("start", [16, 48, 64, 96])
def test_gone_on_with_it_is_the_same(start):
    images = [picture(0, 90)] * 40 + [picture(1, face=False)] * 20 + [picture(2, 180)] * 3 + [picture(3)] * 60
    whole = settled(images)
    orientation, frames = Orientation(Squares()), frames_of(images)
    for frame, _ in whole[:start]:
        passed, _ = orientation.passed(frames[frame.number], frame.turned)
        assert passed.turned == frame.turned
    rest = [settled for i in range(start, len(frames), 16)
            for settled in orientation.settle(*orientation.find(frames[i:i + 16]))]
    assert [frame.turned for frame, *_ in rest] == [frame.turned for frame, _ in whole[start:]]
    assert repr([faces for _, faces, _ in rest]) == repr([faces for _, faces in whole[start:]])


def test_a_person_is_not_followed_from_one_orientation_into_another():
    estimator = Estimator(lambda faces: np.ones((len(faces), 1)), Squares(), gap=10, all_upright=False)
    images = [picture(0)] * 14 + [picture(0, face=False)] * 4 + [picture(1, 180)] * 20
    rows = [row for _, (row,) in estimator.run(iter(frames_of(images)))]
    assert [row.face for row in rows] == [FOUND] * 14 + [NONE] * 4 + [FOUND] * 20
    assert [row.turned for row in rows] == [0] * 18 + [180] * 20


@needs_shared
def test_a_real_video_gives_the_same_curve_however_it_is_turned(models):
    from pain.video.estimator import load_estimator
    estimator = load_estimator([models])
    with open_video(SHARED / "video" / "single_face.mp4") as video:
        images = [frame.image[::2, ::2] for frame in video.frames()][::8]
    upright = [row for _, (row,) in estimator.run(iter(frames_of(images)))]
    for turned in 90, 180, 270:
        pictures = [np.ascontiguousarray(np.rot90(image, -turned // 90)) for image in images]
        rows = [row for _, (row,) in estimator.run(iter(frames_of(pictures)))]
        assert [(row.turned, row.doubt) for row in rows] == [(turned, "")] * len(images)
        np.testing.assert_allclose([row.intensity for row in rows], [row.intensity for row in upright], atol=1e-4)
