"""align_faces: the transform against SciPy's, MTCNN on real faces, a small dataset from its frames to frames.csv."""
import math
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import skimage.io
import skimage.transform
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from scipy.ndimage import map_coordinates
from scipy.optimize import least_squares

from pain.datasets import unbc
from pain.datasets.black_frames import read_frame
from pain.datasets.synthetic import faces
from pain.faces import aligned_videos, alignment
from pain.faces import detector as detector_module
from pain.faces.aligned_videos import COLUMNS
from pain.faces.alignment import align, interpolate
from pain.faces.detector import BATCH, FaceDetector, image_pyramid
from pain.files import read_csv
from support.project import SHARED, assert_one_line_error, needs_shared, run_tool

# caffe-face's points, whose first pixel is 1.
TEMPLATE = np.array([[30.2946 - 1, 51.6963 - 1], [65.5318 - 1, 51.5014 - 1], [48.0252 - 1, 71.7366 - 1],
                     [33.5493 - 1, 92.3655 - 1], [62.7299 - 1, 92.2041 - 1]])


def resized(image, height, width):
    return np.round(skimage.transform.resize(image, (height, width), preserve_range=True)).astype(np.uint8)


ASTRONAUT = resized(skimage.data.astronaut()[20:215, 90:350], 240, 320)
FACELESS = np.random.RandomState(0).randint(100, 156, (240, 320, 1)).astype(np.uint8).repeat(3, axis=2)


def on_grey(height, width, *images):
    """A grey image with smaller ones, (top, left, image), laid upon it."""
    canvas = np.full((height, width, 3), 128, np.uint8)
    for top, left, image in images:
        canvas[top:top + image.shape[0], left:left + image.shape[1]] = image
    return canvas


def similarity(parameters, points):
    """`points` (N, 2), scaled and turned by a, b and moved by x, y."""
    a, b, x, y = parameters
    return np.stack([a * points[:, 0] - b * points[:, 1] + x, b * points[:, 0] + a * points[:, 1] + y], axis=1)


def fit(landmarks):
    """The parameters of the similarity that brings `landmarks` nearest to the template, in the sum of squares."""
    return least_squares(lambda parameters: (similarity(parameters, landmarks) - TEMPLATE).ravel(), [1, 0, 0, 0],
                         x_scale="jac", xtol=1e-12, ftol=1e-12).x


def distances(some, others):
    return np.linalg.norm(some - others, axis=1)


# ---- the transform ----

def test_settings_are_the_authors():
    assert alignment.TEMPLATE == pytest.approx(TEMPLATE, abs=1e-9)
    assert detector_module.THRESHOLDS == (0.6, 0.7, 0.7) and detector_module.PYRAMID_FACTOR == 0.709
    assert detector_module.MIN_FACE * 240 == pytest.approx(100)


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


# ---- MTCNN ----

@pytest.fixture(scope="module")
def detector():
    return FaceDetector(threads=2)


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


# ---- frames and videos ----

def saved(path, pixels):
    Image.fromarray(pixels).save(str(path))
    return path


def test_frames_of_every_kind_are_read_as_rgb(tmp_path):
    colour = np.random.RandomState(0).randint(0, 256, (6, 5, 4)).astype(np.uint8)
    grey = colour[:, :, 0]
    for pixels, expected in ((colour, colour[:, :, :3]), (colour[:, :, :3], colour[:, :, :3]),
                             (grey, np.dstack([grey] * 3)), (colour[:, :, :2], np.dstack([grey] * 3))):
        image = read_frame(saved(tmp_path / "frame.png", pixels))
        assert image.dtype == np.uint8 and image.shape == (6, 5, 3) and (image == expected).all()
    eight = colour[:, :, :3] // 128 * 255  # colours, for which a palette has room
    Image.fromarray(eight).convert("P").save(str(tmp_path / "frame.png"))
    assert (read_frame(tmp_path / "frame.png") == eight).all()


@pytest.mark.filterwarnings("ignore:The legacy:DeprecationWarning")  # imageio's, of readers of its own that it tries
def test_frames_that_cannot_be_used_say_why(tmp_path):
    path = tmp_path / "frame.png"
    assert read_frame(path) == "no such image"
    whole = saved(path, ASTRONAUT).read_bytes()
    for content in whole[:-5000], whole[:20], whole[:12] + b"?" + whole[13:], b"", b"a text\n":
        path.write_bytes(content)
        assert read_frame(path) == "unreadable: truncated, or no image"
    assert read_frame(saved(path, ASTRONAUT[:, :, 0].astype(np.uint16) * 256)) == "unreadable: not 8 bits a channel"
    assert read_frame(saved(path, np.minimum(ASTRONAUT, 15))) == "black"
    assert not isinstance(read_frame(saved(path, np.minimum(ASTRONAUT, 17))), str)


def test_an_image_too_large_to_be_a_frame_is_unreadable(tmp_path):
    """A header may claim any size, and Pillow then refuses it in a way of its own."""
    (tmp_path / "frame.png").write_bytes(b"GIF89a" + b"\xff" * 4 + bytes(3) + b"," + bytes(4) + b"\xff" * 4 + bytes(3))
    assert read_frame(tmp_path / "frame.png") == "unreadable: truncated, or no image"


def test_reasons_are_the_same_in_any_folder(tmp_path):
    (tmp_path / "study: pain").mkdir()
    assert read_frame(tmp_path / "study: pain" / "frame.png") == "no such image"


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


# ---- a dataset ----

BLACK, TRUNCATED = np.zeros_like(ASTRONAUT), None
VIDEOS = {  # its frames' images
    ("001-aa001", "aa001t1aaaff"): [BLACK, ASTRONAUT, FACELESS, np.roll(ASTRONAUT, 9, axis=1), TRUNCATED, FACELESS],
    ("001-aa001", "aa001t2aaaff"): [FACELESS, BLACK],
    ("002-bb002", "bb002t1aaaff"): [np.roll(ASTRONAUT, i, axis=1) for i in range(BATCH + 2)],
}
FIRST, NO_FACE, LONG = VIDEOS
PSPI = 0, 1, 2.5, 16, 5, 0
UNREADABLE = "unreadable: truncated, or no image"
FATE = {  # (status, reason) of the frames
    FIRST: [("missing", "black"), ("detected", ""), ("interpolated", ""), ("detected", ""), ("missing", UNREADABLE),
            ("interpolated", "")],
    NO_FACE: [("missing", "no face in the whole video"), ("missing", "black")],
    LONG: [("detected", "")] * (BATCH + 2),
}


def frame_name(video, i):
    return "%s%03d" % (video[1], i + 1)


def frame_path(root, video, i):
    return root / "Images" / video[0] / video[1] / (frame_name(video, i) + ".png")


def relabel(root, video, i, text):
    path = unbc.pspi_file(root, *video, frame_name(video, i))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def labels_of(video):
    return {frame_name(video, i): PSPI[i % len(PSPI)] for i in range(len(VIDEOS[video]))}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The dataset, aligned by the tool: its folder, the aligned one, and the finished process."""
    root, out = (tmp_path_factory.mktemp("dataset") / name for name in ("unbc", "aligned"))
    for video, images in VIDEOS.items():
        for i, image in enumerate(images):
            path = frame_path(root, video, i)
            path.parent.mkdir(parents=True, exist_ok=True)
            saved(path, ASTRONAUT if image is TRUNCATED else image)
            if image is TRUNCATED:
                path.write_bytes(path.read_bytes()[:-9000])
            relabel(root, video, i, "   %.7e\n" % PSPI[i % len(PSPI)])
    process = run_tool("align_faces.py", root, "--out", out, "--jobs", 2)
    assert process.returncode == 0, process.stderr
    return root, out, process


@pytest.fixture
def dataset(finished, tmp_path):
    """A copy to change: the dataset's folder and the aligned one."""
    return tuple(Path(shutil.copytree(str(path), str(tmp_path / path.name))) for path in finished[:2])


def test_every_frame_is_accounted_for(finished):
    _, out, process = finished
    rows = read_csv(out / "frames.csv", COLUMNS, "make align")
    assert (out / "frames.csv").read_text().split("\n")[0] == (
        "subject,video,frame,pspi,status,reason,box_x,box_y,box_width,box_height,confidence,left_eye_x,left_eye_y,"
        "right_eye_x,right_eye_y,nose_x,nose_y,mouth_left_x,mouth_left_y,mouth_right_x,mouth_right_y")
    assert [(row["subject"], row["video"], row["frame"], float(row["pspi"]), row["status"], row["reason"])
            for row in rows] == [(*video, name, pspi, *fate) for video in VIDEOS
                                 for (name, pspi), fate in zip(labels_of(video).items(), FATE[video])]
    for row in rows:
        assert (row["nose_x"] == "") == (row["status"] == "missing")
        assert (row["box_x"] == row["confidence"] == "") == (row["status"] != "detected")
    assert sorted(path.relative_to(out).as_posix() for path in out.glob("*/*/*.png")) == [
        "%s/%s/%s.png" % (row["subject"], row["video"], row["frame"]) for row in rows if row["status"] != "missing"]
    for video in VIDEOS:
        assert read_csv(out.joinpath(*video, "frames.csv"), COLUMNS, "make align") == [
            row for row in rows if (row["subject"], row["video"]) == video]
    assert process.stdout.split("\n") == [
        "%s: %d frames, %d detected, 2 interpolated, 4 missing" % (out, BATCH + 10, BATCH + 4),
        "  left out: 001-aa001/aa001t1aaaff/aa001t1aaaff001: black",
        "  left out: 001-aa001/aa001t1aaaff/aa001t1aaaff005: " + UNREADABLE,
        "  left out: 001-aa001/aa001t2aaaff/aa001t2aaaff001: no face in the whole video",
        "  left out: 001-aa001/aa001t2aaaff/aa001t2aaaff002: black", ""]
    assert "Traceback" not in process.stderr


def test_landmarks_and_pixels_are_those_of_each_frame(finished, detector):
    root, out, _ = finished
    landmarks = {}
    for row in read_csv(out / "frames.csv", COLUMNS, "make align"):
        if row["status"] == "missing":
            continue
        image = read_frame(root / "Images" / row["subject"] / row["video"] / (row["frame"] + ".png"))
        points = np.array([float(row[column]) for column in COLUMNS[11:]]).reshape(5, 2)
        landmarks[row["frame"]] = points
        aligned = skimage.io.imread(str(out / row["subject"] / row["video"] / (row["frame"] + ".png")))
        assert aligned.shape == (112, 96, 3) and aligned.dtype == np.uint8
        assert np.abs(aligned.astype(int) - align(image, points)).max() <= 1
        if row["status"] == "detected":
            box, confidence, expected = detector([image])[0]
            assert points == pytest.approx(expected, abs=0.001)
            assert [float(row[column]) for column in COLUMNS[6:11]] == pytest.approx([*box, confidence], rel=1e-3)
    one, between, other, last = (landmarks[frame_name(FIRST, i)] for i in (1, 2, 3, 5))
    assert between == pytest.approx((one + other) / 2, abs=0.002)
    assert (last == other).all()


def stamps(out):
    return {path: path.stat().st_mtime_ns for path in out.glob("*/*/*")}


def test_only_what_changed_is_done_again(dataset):
    root, out = dataset
    before, rows = stamps(out), aligned_videos.align_faces(root, out)
    assert stamps(out) == before
    assert rows == [list(row.values()) for row in read_csv(out / "frames.csv", COLUMNS, "make align")]

    os.utime(str(frame_path(root, LONG, 3)))
    relabel(root, NO_FACE, 0, "   7.0000000e+00\n")
    leftover = out / LONG[0] / (".%s.partial" % LONG[1])
    shutil.copytree(str(out.joinpath(*LONG)), str(leftover))
    (leftover / "other.png").touch()
    again = aligned_videos.align_faces(root, out)
    assert {path.parent.name for path, stamp in stamps(out).items() if before.get(path) != stamp} == {
        LONG[1], NO_FACE[1]}
    assert stamps(out).keys() == before.keys() and not leftover.exists()
    assert [row for row in again if row[3] == "7"] == [
        [*NO_FACE, "aa001t2aaaff001", "7", "missing", "no face in the whole video"] + [""] * 15]
    assert [row for row in again if row[1] != NO_FACE[1]] == [row for row in rows if row[1] != NO_FACE[1]]


def finished_rows(dataset, labels):
    return aligned_videos.finished_rows(*dataset, *FIRST, labels)


def test_a_video_is_finished_while_its_frames_and_labels_stay(dataset):
    labels = labels_of(FIRST)
    assert len(finished_rows(dataset, labels)) == 6
    assert finished_rows(dataset, dict(labels, aa001t1aaaff002=2)) is None
    assert finished_rows(dataset, dict(list(labels.items())[1:])) is None
    shutil.copy(str(frame_path(dataset[0], FIRST, 0)), str(frame_path(dataset[0], FIRST, 6)))
    assert finished_rows(dataset, dict(labels, aa001t1aaaff007=0)) is None
    folder = dataset[1].joinpath(*FIRST)
    folder.rename(folder.with_name(".%s.partial" % FIRST[1]))
    assert finished_rows(dataset, labels) is None


def test_a_damaged_record_is_made_again(dataset):
    """Its error would say to run the very command that has just failed."""
    for content in "", "subject,video\n1,2\n", "garbage":
        dataset[1].joinpath(*FIRST, "frames.csv").write_text(content)
        assert finished_rows(dataset, labels_of(FIRST)) is None


def test_a_video_that_lost_an_aligned_frame_is_made_again(dataset):
    dataset[1].joinpath(*FIRST, frame_name(FIRST, 1) + ".png").unlink()
    assert finished_rows(dataset, labels_of(FIRST)) is None


def test_an_interrupted_video_is_never_taken_for_finished(finished, tmp_path, detector, monkeypatch):
    def interrupted(path, image):
        if path.stem == frame_name(LONG, 5):
            raise KeyboardInterrupt
        path.touch()

    task = finished[0], tmp_path / "aligned", *LONG, labels_of(LONG)
    monkeypatch.setattr(aligned_videos, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        aligned_videos.align_video(detector, *task)
    assert list((tmp_path / "aligned" / LONG[0]).iterdir()) == []
    assert aligned_videos.finished_rows(*task) is None
    monkeypatch.undo()
    rows = aligned_videos.align_video(detector, *task)
    assert aligned_videos.finished_rows(*task) == rows
    assert [path.name for path in (tmp_path / "aligned" / LONG[0]).iterdir()] == [LONG[1]]


# ---- what a user can get wrong ----

@pytest.fixture
def untouched(tmp_path):
    """A dataset of one frame, which is never looked at: what is wrong is found before."""
    video = "001-aa001", "aa001t1aaaff"
    frame_path(tmp_path, video, 0).parent.mkdir(parents=True)
    frame_path(tmp_path, video, 0).touch()
    relabel(tmp_path, video, 0, "0")
    return tmp_path


LABEL = "Frame_Labels/PSPI/001-aa001/aa001t1aaaff/aa001t1aaaff001_facs.txt"


@pytest.mark.parametrize("damage, words", [
    (lambda root: shutil.rmtree(str(root / "Images")), ["Images", "no such folder"]),
    (lambda root: (root / "Images" / "002-bb002").mkdir(), ["002-bb002", "without videos"]),
    (lambda root: (root / "Images" / "001-aa001" / "aa001t2aaaff").mkdir(), ["aa001t2aaaff", "without PNG frames"]),
    (lambda root: (root / LABEL).unlink(), [LABEL, "no such label file"]),
    (lambda root: (root / LABEL).write_text("nan"), [LABEL, "'nan'"]),
    (lambda root: (root / LABEL).write_text("17"), [LABEL, "'17'"]),
    (lambda root: (root / LABEL).write_text("pain"), [LABEL, "'pain'"]),
])
def test_a_wrong_dataset_is_one_line(untouched, damage, words):
    damage(untouched)
    out = untouched / "aligned"
    assert_one_line_error(run_tool("align_faces.py", untouched, "--out", out), *words)
    assert not out.exists()


def test_a_worker_that_is_killed_is_one_line(untouched):
    """As the system does when memory runs out; here by its own hand, as soon as it looks for MTCNN."""
    (untouched / "mtcnn.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    process = run_tool("align_faces.py", untouched, "--out", untouched / "aligned",
                       env=dict(os.environ, PYTHONPATH=str(untouched)))
    assert_one_line_error(process, "a worker process died", "fewer --jobs")


@pytest.mark.parametrize("arguments", [("--jobs", 0), ("--jobs", "many"), ("--size", 3)])
def test_wrong_arguments_are_one_line(untouched, arguments):
    assert_one_line_error(run_tool("align_faces.py", untouched, *arguments), arguments[0])


# ---- UNBC's counts ----

SUBJECTS = ["042-ll042"] + ["%03d-xx%03d" % (number, number) for number in range(101, 125)]


def rows_of(subject, frames, videos, status="detected"):
    return [(subject, "video%d" % (i % videos), "frame%d" % i, "0", status) for i in range(frames)]


@pytest.fixture(scope="module")
def unbc_rows():
    """Rows of as many subjects, videos and frames as the authors use, by subject."""
    return {subject: rows_of(subject, frames, videos)
            for subject, frames, videos in zip(SUBJECTS, unbc.FRAMES_PER_SUBJECT, unbc.VIDEOS_PER_SUBJECT)}


def compare(rows, **changed):
    rows = dict(rows, **changed)
    return aligned_videos.compare_with_unbc([row for of_subject in rows.values() for row in of_subject])


def test_the_authors_counts_are_recognised(unbc_rows):
    good = ["frames and videos of every subject are as many as the authors use"]
    assert compare(unbc_rows) == good
    black = rows_of(SUBJECTS[20], 7, 1, status="missing")
    assert compare(unbc_rows, **{SUBJECTS[20]: black + unbc_rows[SUBJECTS[20]]}) == good


def test_other_counts_name_the_subject(unbc_rows):
    first, last = SUBJECTS[0], SUBJECTS[-1]
    assert compare(unbc_rows, **{first: unbc_rows[first][1:], last: rows_of(last, 1695, 6)}) == [
        "042-ll042: 2133 frames in 8 videos, the authors use 2134 in 8",
        "124-xx124: 1695 frames in 6 videos, the authors use 1695 in 7"]
    assert compare({subject: unbc_rows[subject] for subject in SUBJECTS[:3]}) == ["3 subjects, UNBC has 25"]


def test_other_data_are_not_compared(unbc_rows):
    assert compare({subject: unbc_rows[subject] for subject in SUBJECTS[1:]}) == []
