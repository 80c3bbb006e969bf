"""detector.py: MTCNN on real and on drawn faces, whose landmarks are known."""
import numpy as np
import pytest
import skimage.io
import skimage.transform
from hypothesis import given
from hypothesis import strategies as st

from pain.datasets.synthetic import faces
from pain.faces.alignment import align
from pain.faces.detector import (
    MIN_FACE,
    PYRAMID_FACTOR,
    THRESHOLDS,
    as_graphs,
    image_pyramid,
    normalized,
    patched_mtcnn,
)
from support.faces import ASTRONAUT, FACELESS, TEMPLATE, distances, fit, on_grey, resized, similarity
from support.project import SHARED, needs_shared


def test_settings_are_the_authors():
    assert THRESHOLDS == (0.6, 0.7, 0.7) and PYRAMID_FACTOR == 0.709
    assert MIN_FACE * 240 == pytest.approx(100)


@pytest.fixture(scope="module")
def astronaut(detector):
    """The landmarks of ASTRONAUT."""
    return detector([ASTRONAUT])[0][2]


def assert_a_face_is_found(image, landmarks):
    left_eye, right_eye, nose, mouth_left, mouth_right = landmarks
    assert landmarks.min() > 0 and (landmarks < image.shape[1::-1]).all()
    assert left_eye[0] < nose[0] < right_eye[0] and mouth_left[0] < nose[0] < mouth_right[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(mouth_left[1], mouth_right[1])


def found_again(detector, aligned):
    """The landmarks MTCNN finds in an aligned face."""
    return detector([np.pad(aligned, ((40, 40), (40, 40), (0, 0)))])[0][2] - 40


def test_landmarks_are_where_the_astronaut_has_them(astronaut):
    assert_a_face_is_found(ASTRONAUT, astronaut)
    by_eye = [(138, 99), (193, 102), (164, 131), (138, 147), (190, 149)]
    assert distances(astronaut, by_eye).max() < 5


@needs_shared
def test_landmarks_of_a_photograph(detector):
    image = skimage.io.imread(str(SHARED / "video" / "single_face.jpg"))
    assert_a_face_is_found(image, detector([image])[0][2])


@pytest.fixture(scope="module")
def poses():
    """Frames of a synthetic subject at rest: upright, tilted either way, nearer and further away."""
    face = faces.Face()
    who = faces.subject(face, np.random.RandomState([1, 1]))
    at_rest = dict.fromkeys(faces.HIGHEST, 0)
    return [np.round(255 * faces.render(face, who, at_rest, faces.Pose(*pose))).astype(np.uint8)
            for pose in [(0, 0, 0, 1), (16, 0, 0.17, 1), (-16, 8, -0.17, 1), (0, -8, 0, 1.08), (5, 3, 0.09, 0.92)]]


def test_aligned_faces_have_their_landmarks_where_the_transform_says(detector, astronaut, poses):
    """They are not on the template: no similarity brings a broad smile there. What remains is the fit's residual."""
    for image, landmarks in [(ASTRONAUT, astronaut), *zip(poses, (face.landmarks for face in detector(poses)))]:
        expected = similarity(fit(landmarks), landmarks)
        assert distances(found_again(detector, align(image, landmarks)), expected).max() < 2


def test_a_face_of_the_templates_proportions_is_aligned_to_it(detector, astronaut):
    """The astronaut's, warped so that her features lie as the template's do."""
    goal = 1.8 * (TEMPLATE - TEMPLATE.mean(axis=0)) + (160, 130)
    goal[2, 1] -= 5  # MTCNN sees a nose that is moved so far a little too low
    corners = [(0, 0), (319, 0), (0, 239), (319, 239)]
    warp = skimage.transform.ThinPlateSplineTransform.from_estimate(np.vstack([goal, corners]),
                                                                    np.vstack([astronaut, corners]))
    image = np.round(skimage.transform.warp(ASTRONAUT, warp, preserve_range=True)).astype(np.uint8)
    aligned = align(image, detector([image])[0][2])
    assert distances(found_again(detector, aligned), TEMPLATE).max() < 2


def test_a_face_is_aligned_alike_however_it_is_held(detector, poses):
    found = np.array([similarity(fit(face.landmarks), face.landmarks) for face in detector(poses)])
    assert np.linalg.norm(found - found[0], axis=2).max() < 2


def test_a_batch_is_as_one_by_one(detector, poses):
    images = [poses[0], FACELESS, ASTRONAUT, ASTRONAUT[:, ::-1], np.full_like(ASTRONAUT, 128), *poses[1:]]
    batch = detector(images)
    assert [face is None for face in batch] == [False, True, False, False, True, False, False, False, False]
    for image, face in zip(images, batch):
        alone, = detector([image])
        assert (alone is None) == (face is None)
        for part, part_alone in zip(face or [], alone or []):
            assert part == pytest.approx(part_alone, abs=1e-3)


def test_the_nets_are_given_what_the_package_gives_them(detector):
    if detector.old:
        pytest.skip("mtcnn before 1.0 is taken as it is")
    from mtcnn.utils.images import standarize_batch
    images = [np.arange(i, i + 256 * 3, dtype=np.uint8).reshape(16, 16, 3) for i in range(3)]  # all values there are
    pixels, *others = normalized(images)
    expected, *others_expected = standarize_batch(images)
    assert pixels.dtype == "float32"
    np.testing.assert_array_equal(pixels, expected)
    for other, other_expected in zip(others, others_expected):
        np.testing.assert_array_equal(other, other_expected)


def test_nets_as_graphs_give_the_bits_that_they_give_alone(detector, tmp_path, monkeypatch):
    if detector.old:
        pytest.skip("mtcnn before 1.0 is taken as it is")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    random, graphs = np.random.RandomState(0), as_graphs(patched_mtcnn().MTCNN())
    for alone, graph, shape in zip(patched_mtcnn().MTCNN().stages, graphs.stages,
                                   [(2, 31, 40, 3), (5, 24, 24, 3), (3, 48, 48, 3)]):
        pixels = random.uniform(-1, 1, shape).astype(np.float32)
        for expected, made in zip(alone.model(pixels), graph.model(pixels)):
            np.testing.assert_array_equal(made, expected)
    assert not list(tmp_path.iterdir())  # of what TensorFlow leaves where a process is killed


def test_of_two_faces_the_one_nearest_the_centre_is_chosen(detector):
    big, small = resized(ASTRONAUT, 300, 400)[:, 60:340], ASTRONAUT[:, 40:280]
    image = on_grey(300, 600, (0, 0, big), (30, 290, small))  # centres 155 and 114 pixels from the image's
    box, _, _ = detector([on_grey(300, 600, (0, 0, big))])[0]
    assert 0 < box[0] < 280 and box[2] > 120  # the big one would be found
    for picture, x in (image, 414), (image[:, ::-1], 600 - 414):
        face, = detector([picture])
        assert face.box[0] < x < face.box[0] + face.box[2] and face.box[2] < 120 and 0.7 < face.confidence <= 1
        assert_a_face_is_found(picture, face.landmarks)


def test_a_face_much_smaller_than_the_smallest_is_none(detector):
    assert detector([on_grey(240, 320, (66, 88, resized(ASTRONAUT, 108, 144)))]) == [None]


@pytest.mark.parametrize("shape", [(240, 60), (12, 12), (1, 1)])
def test_an_image_too_small_for_a_face_has_none(detector, shape):
    assert detector([resized(ASTRONAUT, *shape)] * 2) == [None, None]


@given(st.integers(1, 2000), st.integers(1, 2000), st.floats(12, 1000), st.floats(0.3, 0.9))
def test_pyramid_goes_down_to_the_nets_window_and_no_further(width, height, min_face, factor):
    scales, side = image_pyramid(width, height, min_face, factor), min(width, height)
    if min_face > side:
        assert len(scales) == 0
        return
    assert scales[0] == pytest.approx(12 / min_face)
    assert scales[1:] / scales[:-1] == pytest.approx(factor)
    assert scales[-1] * side >= 12 * (1 - 1e-9) and scales[-1] * side * factor < 12 * (1 + 1e-9)
