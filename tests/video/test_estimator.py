"""From frames to rows: who is who, what is filled in, what is doubted; and the same curve however it is computed."""
import itertools
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from pain.datasets.synthetic import faces
from pain.errors import Problem
from pain.faces.alignment import SHAPE, TEMPLATE, align
from pain.faces.detector import Face, FaceDetector
from pain.models import find_models, find_net
from pain.video import thread_pool
from pain.video.curve import FOUND, INTERPOLATED, NONE, fields, parse
from pain.video.doubts import doubt
from pain.video.estimator import load_estimator
from pain.video.scenes import another_scene, scene_of
from pain.video.source import Frame, open_video
from pain.video.summary import summary
from pain.video.tracking import Tracker, faces_in, moves, overlap
from support.processes import PATIENCE
from support.project import PAIN, SHARED, needs_shared

PIXEL = np.zeros((1, 1, 3), np.uint8)


# Who is who, and what is filled in.

def face(x, y=50., size=40.):
    """A face as FaceDetector.faces() finds it, its landmarks where its box is."""
    return Face(np.array([x, y, size, 1.2 * size]), 0.99, np.array([x, y]) + size * (TEMPLATE / SHAPE[::-1]))


def follow(faces_of, everyone=False, gap=3):
    """The Rows of all frames, by frame; `faces_of` is a list a frame."""
    tracker, found = Tracker(everyone, gap), []
    for number, of_frame in enumerate(faces_of):
        found += tracker.add(Frame(number, number / 25, PIXEL), of_frame)
    found += tracker.end()
    assert [frame.number for frame, _ in found] == list(range(len(faces_of)))
    return [rows for _, rows in found]


def test_the_largest_face_is_the_person():
    (row,), = follow([[face(0, size=30), face(100, size=50), face(200, size=40)]])
    assert row.face == FOUND and row.person == 1 and row.box[0] == 100


@settings(max_examples=200, deadline=None)
@given(st.lists(st.booleans(), max_size=40), st.integers(0, 6))
def test_short_gaps_are_interpolated_and_long_ones_are_not(there, gap):
    found = follow([[face(2. * i)] if here else [] for i, here in enumerate(there)], gap=gap)
    for i, (row,) in enumerate(found):
        before = max((k for k in range(i) if there[k]), default=None)
        after = min((k for k in range(i, len(there)) if there[k]), default=None)
        if there[i]:
            assert row.face == FOUND
        elif before is not None and after is not None and after - before - 1 <= gap:
            assert row.face == INTERPOLATED and row.box is None
            # The face moves steadily, so a line through its neighbours is where it was.
            np.testing.assert_allclose(row.landmarks, face(2. * i).landmarks, atol=2e-3)
        else:
            assert row.face == NONE and row.landmarks is None


@st.composite
def some_faces(draw):
    """Faces a frame: two people who move, grow, jump and are away, and one who is there now and then, in any order."""
    frames, x, size = [], [0., 300.], [50., 40.]
    for _ in range(draw(st.integers(1, 25))):
        for person in 0, 1:
            x[person] += draw(st.sampled_from([0, 3, 3, 3, 25, 120]))
            size[person] *= draw(st.sampled_from([1, 1, 1, 1.02, 1.6, 1 / 1.6]))
        here = [face(x[person], size=size[person]) for person in (0, 1) if draw(st.integers(0, 3))]
        frames.append(draw(st.permutations(here + [face(650)] * draw(st.booleans()))))
    return frames


@settings(max_examples=200, deadline=None)
@given(some_faces(), st.booleans(), st.integers(0, 4))
def test_the_rows_of_a_file_bring_a_tracker_to_where_it_was(frames, everyone, gap):
    """It is then given the faces that the rows have, with the file's decimals and in another order."""
    whole = follow(frames, everyone, gap)
    again = follow([faces_in([parse(fields(row)) for row in rows]) for rows in whole], everyone, gap)
    assert [[fields(row) for row in rows] for rows in again] == [[fields(row) for row in rows] for rows in whole]


def test_everyone_keeps_a_number():
    a, b = (lambda i: face(5. * i)), (lambda i: face(300 - 5. * i, 60))
    faces = [[a(0)], [a(1), b(1)], [b(2), a(2)], [b(3)], [b(4), a(4)], [], [], [], [], [a(9), b(9)]]
    found = follow(faces, everyone=True, gap=3)
    people = [[(row.person, row.face) for row in rows] for rows in found]
    assert people[:5] == [[(1, FOUND)], [(1, FOUND), (2, FOUND)], [(1, FOUND), (2, FOUND)],
                          [(1, INTERPOLATED), (2, FOUND)], [(1, FOUND), (2, FOUND)]]
    assert people[5:9] == [[(0, NONE)]] * 4
    assert people[9] == [(3, FOUND), (4, FOUND)]  # lost for longer than the gap: nobody can say who it is


SCENES = np.random.RandomState(0).uniform(0, 255, (2, 48, 64))


def follow_scenes(shots, everyone):
    """The (person, face) of each row, by frame. shots: (faces, a scene of SCENES) a frame."""
    tracker, found = Tracker(everyone, 10), []
    for number, (of_frame, scene) in enumerate(shots):
        found += tracker.add(Frame(number, number / 25, PIXEL), of_frame, SCENES[scene])
    return [[(row.person, row.face) for row in rows] for _, rows in found + tracker.end()]


@pytest.mark.parametrize("after", [face(200), face(0, 150), face(0, 50, 70), face(0, 50, 24)])  # and sizes
def test_nothing_is_interpolated_between_two_places(after):
    gap = [[]] * 7
    assert [row.face for row, in follow([[face(0)], *gap, [after]], gap=10)] == [FOUND, *[NONE] * 7, FOUND]
    assert [row.face for row, in follow([[face(0)], *gap, [face(3)]], gap=10)] == [FOUND, *[INTERPOLATED] * 7, FOUND]


@pytest.mark.parametrize("everyone, later, nobody", [(False, 1, 1), (True, 2, 0)])
def test_a_cut_ends_a_person(everyone, later, nobody):
    there, empty = [face(0)], []
    shots = [(there, 0)] * 3 + [(empty, 1)] * 7 + [(there, 0)] * 2  # and back; the box is where it was
    assert follow_scenes(shots, everyone) == [[(1, FOUND)]] * 3 + [[(nobody, NONE)]] * 7 + [[(later, FOUND)]] * 2
    shots = [(there, 0)] * 3 + [(empty, 0)] * 2 + [(there, 1)] * 2
    assert follow_scenes(shots, everyone) == [[(1, FOUND)]] * 3 + [[(nobody, NONE)]] * 2 + [[(later, FOUND)]] * 2
    shots = [(there, 0)] * 3 + [(there, 1)] * 2
    assert follow_scenes(shots, everyone) == [[(1, FOUND)]] * 3 + [[(later, FOUND)]] * 2


def test_scenes():
    rng = np.random.RandomState(1)
    one, two = (gaussian_filter(rng.uniform(0, 255, (90, 160, 3)), (8, 8, 0)) for _ in "ab")
    one, two = ((128 + 40 * (image - image.mean()) / image.std()).clip(0, 255).astype(np.uint8) for image in (one, two))
    assert another_scene(scene_of(one), scene_of(two))
    for same in one, one // 2, np.roll(one, 3, 1), one.repeat(2, 0).repeat(2, 1), np.full_like(one, 90), 0 * one:
        assert not another_scene(scene_of(one), scene_of(same))
    assert scene_of(one[:5, :7]).shape == scene_of(one).shape


@needs_shared
def test_the_cuts_between_videos_are_found_and_none_within_them():
    scenes = {}
    for name in "single_face.mp4", "no_face.mp4":
        with open_video(SHARED / "video" / name) as video:
            scenes[name] = of_video = [scene_of(frame.image) for frame in video.frames()]
        assert not any(another_scene(a, b) for a, b in zip(of_video, of_video[10:]))
    assert all(another_scene(a, b) for a, b in itertools.product(*(of_video[::20] for of_video in scenes.values())))


def test_moves_are_told():
    rows = [row for rows in follow([[face(0)], [face(2)], [], [face(200)], [face(201)], [face(201, size=90)]])
            for row in rows]
    assert [row.frame for row in moves(rows)] == [3, 5]
    assert summary({}, rows)["people"][0]["elsewhere_s"] == [3 / 25, 5 / 25]


def test_no_more_frames_wait_than_the_gap():
    tracker = Tracker(gap=5)
    tracker.add(Frame(0, 0, PIXEL), [face(0)])
    for number in range(1, 100):
        tracker.add(Frame(number, number / 25, PIXEL), [])
        assert len(tracker.waiting) <= 6


def test_fewer_large_frames_wait():
    tracker, large = Tracker(gap=1000), np.broadcast_to(np.uint8(0), (8000, 8000, 3))
    tracker.add(Frame(0, 0, large), [face(0)])
    for number in range(1, 12):
        tracker.add(Frame(number, number / 25, large), [])
        assert sum(frame.image.size / 3 for frame, _ in tracker.waiting) < 400e6


def test_no_more_is_under_way_than_memory_holds():
    frames, given = [Frame(i, 0, np.broadcast_to(np.uint8(0), (8000, 8000, 3))) for i in range(20)], []

    def taken():
        for frame in frames:
            given.append(frame)
            yield frame
    with thread_pool.workers() as pool:
        for done, batch in enumerate(thread_pool.in_order(pool, list, taken(), lambda frame: frame)):
            assert batch == [frames[done]] and len(given) - done <= 2
        assert done == 19


def test_left_early_nobody_waits_for_what_is_under_way():
    over = threading.Event()
    with pytest.raises(KeyboardInterrupt), thread_pool.workers() as pool:
        under_way = pool.submit(over.wait, 60)
        raise KeyboardInterrupt
    assert not under_way.done()
    over.set()


@given(st.tuples(*[st.floats(0, 50)] * 2, *[st.floats(1, 50)] * 2), st.tuples(*[st.floats(0, 50)] * 2,
                                                                               *[st.floats(1, 50)] * 2))
def test_overlap(box, other):
    box, other = np.round(box).clip(0), np.round(other).clip(0)
    box[2:], other[2:] = box[2:].clip(1), other[2:].clip(1)
    y, x = np.mgrid[:101, :101] + 0.5
    one, two = ((x > b[0]) & (x < b[0] + b[2]) & (y > b[1]) & (y < b[1] + b[3]) for b in (box, other))
    assert overlap(box, other) == pytest.approx((one & two).sum() / (one | two).sum())


# What is doubted.

@pytest.fixture(scope="module")
def drawn():
    """A frame with a drawn face, and where its landmarks are."""
    face = faces.Face()
    who = faces.subject(face, np.random.RandomState(3))
    image = np.round(255 * faces.render(face, who, dict.fromkeys(faces.HIGHEST, 0), faces.Pose(0, 0, 0, 1)))
    image = image.astype(np.uint8)
    found, = FaceDetector(1).faces([image])[0]
    return image, found.landmarks


def test_a_large_image_is_reduced_and_its_face_is_where_it_was(drawn):
    """Every pixel four times as wide and high is, reduced by four, the very image."""
    image, _ = drawn
    detector = FaceDetector(1, 0.3)
    face, = detector.faces([image])[0]
    enlarged, = detector.faces([image.repeat(4, 0).repeat(4, 1)])[0]
    np.testing.assert_allclose(enlarged.landmarks, 4 * face.landmarks + 1.5, atol=0.01)
    np.testing.assert_allclose(enlarged.box, 4 * face.box + [1.5, 1.5, 0, 0], atol=0.01)


def test_a_good_face_is_not_doubted(drawn):
    image, landmarks = drawn
    assert doubt(image, landmarks, align(image, landmarks)) == ""


def test_blur_is_doubted(drawn):
    image, landmarks = drawn
    for sigma, expected in (1, ""), (8, "blur"):
        blurred = gaussian_filter(image, (sigma, sigma, 0))
        assert doubt(blurred, landmarks, align(blurred, landmarks)) == expected
    black = np.zeros_like(image)
    assert doubt(black, landmarks, align(black, landmarks)) == "blur"


@pytest.mark.parametrize("axis, degrees, expected", [("yaw", 20, ""), ("yaw", 60, "pose"), ("pitch", 20, ""),
                                                     ("pitch", 60, "pose")])
def test_a_head_turned_far_is_doubted(drawn, axis, degrees, expected):
    """A rigid head, in mm: eyes 62 apart, a nose that stands out by 25."""
    points = np.array([(-31, -35, 0), (31, -35, 0), (0, 0, 25), (-25, 35, 5), (25, 35, 5)], float)
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    turn = [[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]] if axis == "yaw" else [[1, 0, 0], [0, cos, -sin], [0, sin, cos]]
    image, landmarks = drawn
    turned = (points @ np.transpose(turn))[:, :2] + np.array(image.shape[1::-1]) / 2
    assert doubt(image, turned, align(image, landmarks)) == expected


def test_a_face_at_the_edge_is_doubted(drawn):
    image, landmarks = drawn
    assert doubt(image[:, int(landmarks[0, 0]) + 2:], landmarks - [int(landmarks[0, 0]) + 2, 0],
                 align(image, landmarks)) == "outside"


@pytest.fixture(scope="module")
def estimator(models):
    return load_estimator([models], min_face=0.3)


@pytest.fixture(scope="module")
def frames(drawn):
    """40 frames of a face that moves, is covered for 4 frames, and for good after frame 30."""
    image, _ = drawn
    frames = []
    for i in range(40):
        moved = np.roll(image, (int(6 * np.sin(i / 5)), i // 2), (0, 1))
        frames.append(Frame(i, i / 25, np.zeros_like(image) + 90 if 12 <= i < 16 or i > 30 else moved))
    return frames


@pytest.fixture(scope="module")
def rows(estimator, frames):
    return [rows for _, rows in estimator.run(iter(frames))]


def assert_same(found, expected):
    """The same rows, to 1e-5."""
    assert len(found) == len(expected)
    for (a,), (b,) in zip(found, expected):
        assert a[:4] == b[:4] and a.doubt == b.doubt
        np.testing.assert_allclose(a.intensity, b.intensity, atol=1e-5)
        np.testing.assert_allclose(a.spread, b.spread, atol=1e-5)
        assert (a.landmarks is None) == (b.landmarks is None)
        if a.landmarks is not None:
            np.testing.assert_allclose(a.landmarks, b.landmarks, atol=2e-3)


def test_rows_are_what_the_steps_give(estimator, frames, rows):
    """By hand: MTCNN a frame, align, net a face."""
    assert [row.face for row, in rows] == [FOUND] * 12 + [INTERPOLATED] * 4 + [FOUND] * 15 + [NONE] * 9
    assert all(row.frame == frame.number and row.time_s == frame.time for (row,), frame in zip(rows, frames))
    for number in 0, 7, 25:
        face, = estimator.detector.faces([frames[number].image])[0]
        pixels = align(frames[number].image, np.round(face.landmarks, 3))[None, :, :, ::-1].transpose(0, 3, 1, 2)
        values = []
        for net in estimator.nets.nets:
            net.blobs["pixels"].reshape(*pixels.shape)
            net.blobs["pixels"].data[...] = pixels
            values.append(net.forward()["intensity"].item())
        row, = rows[number]
        assert row.intensity == pytest.approx(np.mean(values), abs=1e-5)
        assert row.spread == pytest.approx(abs(values[0] - values[1]) / np.sqrt(2), abs=1e-5)
        np.testing.assert_allclose(row.box, face.box, atol=0.011)
    # Where the face is covered, there is a place for it, and nothing to see.
    assert [row.doubt for row, in rows] == [""] * 12 + ["blur"] * 4 + [""] * 24
    assert [np.isnan(row.intensity) for row, in rows] == [False] * 12 + [True] * 4 + [False] * 15 + [True] * 9


@pytest.mark.parametrize("batch", [1, 5])
def test_the_size_of_batches_changes_nothing(estimator, frames, rows, batch, monkeypatch):
    monkeypatch.setattr(thread_pool, "BATCH", batch)
    assert_same([rows for _, rows in estimator.run(iter(frames))], rows)


def test_threads_change_nothing(estimator, frames, rows):
    import torch
    before = torch.get_num_threads()
    torch.set_num_threads(3 - min(before, 2))
    try:
        assert_same([rows for _, rows in estimator.run(iter(frames))], rows)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("cut", [1, 12, 16, 31])
def test_going_on_changes_nothing(estimator, frames, rows, cut):
    earlier = [row for of_frame in rows[:cut] for row in of_frame]
    assert_same([rows for _, rows in estimator.run(iter(frames), earlier, cut)], rows)


def test_without_threads_the_same(estimator, frames, rows):
    assert_same([rows for _, rows in estimator.compute(iter(frames), Tracker(gap=estimator.gap))], rows)
    row, = estimator.rate_picture(frames[7].image)
    assert row.intensity == pytest.approx(rows[7][0].intensity, abs=1e-5)


def test_what_goes_wrong_while_reading_is_raised_and_threads_end(estimator, frames):
    before = set(threading.enumerate())

    def broken():
        yield from frames[:20]
        raise Problem("the film tore")
    with pytest.raises(Problem, match="the film tore"):
        list(estimator.run(broken()))
    stopped = estimator.run(Frame(i, i / 25, frames[0].image) for i in itertools.count())
    next(stopped)
    stopped.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
    assert set(threading.enumerate()) <= before


def test_no_frames(estimator):
    assert list(estimator.run(iter([]))) == []


@needs_shared
def test_a_real_video(estimator):
    with open_video(SHARED / "video" / "face_noface.mov") as video:
        found = [row for _, (row,) in estimator.run(video.frames())]
    assert [row.face for row in found] == [FOUND] * 72 + [NONE] * 97
    assert not any(row.doubt for row in found)
    with open_video(SHARED / "video" / "no_face.mp4") as video:
        assert all(row.face == NONE for _, (row,) in estimator.run(video.frames()))


# Which models.

def test_models_are_found(models, tmp_path):
    folds = [models / fold / "pain_iter_10.caffemodel" for fold in ("01-a", "02-b")]  # 10 is after 9
    assert find_models([models]) == folds
    assert find_models([models / "01-a", folds[1]]) == folds
    assert find_net(folds[0]) == models.parents[1] / "prototxt" / PAIN.name
    assert find_net(tmp_path / "a.caffemodel") == PAIN
    for path in tmp_path, tmp_path / "none":
        with pytest.raises(Problem, match="no caffemodel here"):
            find_models([path])
    (tmp_path / "a.caffemodel").write_bytes(b"nonsense")
    for broken, said in (tmp_path / "a.caffemodel", "a.caffemodel: not a caffemodel"), (folds[0], "of another net"):
        with pytest.raises(Problem, match=said):
            load_estimator([broken], net=PAIN)
