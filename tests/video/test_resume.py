"""A curve that was interrupted anywhere and gone on with is the uninterrupted one, byte by byte."""
import itertools

import numpy as np
import pytest
import skimage.io

from pain.errors import Problem
from pain.faces.alignment import SHAPE, TEMPLATE
from pain.faces.detector import Face
from pain.video import estimator, thread_pool
from pain.video.curve import FACES, HEADER, read_curve
from pain.video.curve_folder import about_curve, earlier_rows, record_curve
from pain.video.estimator import Estimator, load_estimator
from pain.video.source import Frame, Video, open_video
from support.project import SHARED, needs_shared

FRAMES, BATCH = 34, 4
RNG = np.random.RandomState(1)
SCENES = RNG.uniform(40, 250, (3, 48, 64, 1))
SCENE = np.repeat([0, 1, 2, 0], [15, 3, 7, 9])
STEPS = RNG.choice([0, 1, 2, 9, 40], (FRAMES, 3), p=[0.3, 0.3, 0.3, 0.07, 0.03])
SIZE = 40 * 1.5 ** RNG.choice([0, 0, 0, 1.2], (FRAMES, 3))
HERE = RNG.uniform(size=(FRAMES, 3)) < [0.8, 0.7, 0.3]
HERE[[6, 7, 22, 23, 24, *range(27, 32)]] = False  # across the beginnings of batches, before a cut, beyond the gap
STEPS[5:9], SIZE[5:9], HERE[[5, 8]] = 1, (50, 41, 42), True  # and a gap that is interpolated
X = np.cumsum(STEPS, axis=0) + [0, 300, 600]


class Crowd(Video):
    """Three people, in three scenes, who move, jump, grow and are away; frame by frame all of it is in the picture."""

    name, width, height, rate, count = "crowd", 64, 48, 25, FRAMES

    def frames(self):
        for i in range(FRAMES):
            image = np.broadcast_to(SCENES[SCENE[i]], (48, 64, 3)).astype(np.uint8)
            image[0, 0] = i
            yield Frame(i, i / 25, image, 3.02)


class Batched:
    """A detector by which a face is where it is, but for what rounding over the other images of a batch makes of it."""

    def faces(self, images):
        frames = [int(image[0, 0, 0]) for image in images]
        error = 0.02 * (sum(frames) % 7) + 0.01 * len(frames)
        return [[self.face(i, person, error) for person in (2, 0, 1) if HERE[i, person]] for i in frames]

    @staticmethod
    def face(i, person, error):
        corner = np.array([X[i, person], 50.]) + error
        return Face(np.array([*corner, SIZE[i, person], 1.2 * SIZE[i, person]]), 0.9 + error / 10,
                    corner + SIZE[i, person] * (TEMPLATE / SHAPE[::-1]))


def batched_net(faces):
    """A net of which the same holds."""
    return (faces[:, 0, 0, :1] % 5 + 0.0123 * (faces[:, 0, 0, :1].sum() % 11) / 11 + len(faces) / 100).clip(0, 5)


@pytest.fixture
def cheap(monkeypatch):
    """Small batches, and faces that are the frame's first pixel."""
    monkeypatch.setattr(thread_pool, "BATCH", BATCH)
    monkeypatch.setattr(estimator, "align", lambda image, points: np.full((2, 2, 3), image[0, 0, 0] + points[0, 0]))
    monkeypatch.setattr(estimator, "doubt", lambda image, points, face: "blur" if image[0, 0, 0] % 6 == 5 else "")


def record(rater, video, folder, **options):
    """The bytes of the log of a whole run."""
    list(record_curve(rater, video, folder, {"source": video.name}, **options))
    return (folder / "curve.csv").read_bytes()


@pytest.mark.parametrize("everyone", [False, True])
def test_cut_at_every_row(everyone, cheap, tmp_path):
    rater = Estimator(batched_net, Batched(), gap=3, track=everyone)
    whole = record(rater, Crowd(), tmp_path)
    faces = [row.face for row in read_curve(tmp_path / "curve.csv")[1]]
    assert min(map(faces.count, FACES)) > 1
    ends = list(itertools.accumulate(map(len, whole.splitlines(keepends=True))))
    for end in ends + [end + 30 for end in ends[:-1:5]]:  # and within some rows
        (tmp_path / "curve.csv").write_bytes(whole[:end])
        assert record(rater, Crowd(), tmp_path, resume=True) == whole, end


def test_killed_again_and_again(cheap, tmp_path):
    rater = Estimator(batched_net, Batched(), gap=3, track=True)
    whole = record(rater, Crowd(), tmp_path / "whole", annotate=True)
    for frames in 3, 9, 10, 22, 33, FRAMES:
        recording = record_curve(rater, Crowd(), tmp_path, {"source": "crowd"}, True, annotate=True)  # first of nothing
        assert len(list(itertools.islice(recording, frames))) == frames
        assert frames < FRAMES or list(recording) == []
        recording.close()
    assert (tmp_path / "curve.csv").read_bytes() == whole
    assert (tmp_path / "annotated.mp4").read_bytes() == (tmp_path / "whole" / "annotated.mp4").read_bytes()


def test_batches_do_matter_here(cheap, tmp_path, monkeypatch):
    rater = Estimator(batched_net, Batched(), gap=3, track=True)
    whole = record(rater, Crowd(), tmp_path)
    monkeypatch.setattr(thread_pool, "BATCH", BATCH + 1)
    assert record(rater, Crowd(), tmp_path, overwrite=True) != whole


@pytest.mark.parametrize("content", [b"", HEADER.encode()[:10], HEADER.encode(), HEADER.encode() + b"crowd,0,0.0"])
def test_with_no_row_it_begins_whatever_it_was_of(content, tmp_path):
    (tmp_path / "curve.csv").write_bytes(content)
    (tmp_path / "curve.about.json").write_text('{"about": {"source": "another"}}')
    assert earlier_rows(tmp_path / "curve.csv", {"source": "crowd"}) == []


def test_of_something_else_it_is_refused(cheap, tmp_path):
    rater = Estimator(batched_net, Batched())
    whole = record(rater, Crowd(), tmp_path)
    for change, said in ({"source": "a"}, "another source;"), ({"gap": 1, "batch": 3}, "another batch, gap; --over"):
        with pytest.raises(Problem, match="curve.csv: cannot go on with it, for it was made with " + said):
            list(record_curve(rater, Crowd(), tmp_path, {"source": "crowd", **change}, resume=True))
    (tmp_path / "curve.about.json").unlink()
    with pytest.raises(Problem, match="another origin; --overwrite begins again"):
        list(record_curve(rater, Crowd(), tmp_path, {"source": "crowd"}, resume=True))
    assert (tmp_path / "curve.csv").read_bytes() == whole


def test_another_video_of_the_same_name_is_something_else(tmp_path):
    def about():
        with open_video(tmp_path / "visit") as video:
            return about_curve(video, [], 0.2, 10, False)

    (tmp_path / "visit").mkdir()
    for name in "12":
        skimage.io.imsave(str(tmp_path / "visit" / (name + ".png")), np.zeros((8, 8), np.uint8), check_contrast=False)
    before = about()
    assert about() == before and before["size"] == sum(file.stat().st_size for file in (tmp_path / "visit").iterdir())
    skimage.io.imsave(str(tmp_path / "visit" / "2.png"), np.eye(8, dtype=np.uint8), check_contrast=False)
    assert {key for key in before if about()[key] != before[key]} == {"size", "fingerprint"}
    video = Crowd()
    video.file = str(tmp_path / "visit" / "1.png")
    assert about_curve(video, [], 0.2, 10, False)["size"] == (tmp_path / "visit" / "1.png").stat().st_size
    video.file = None  # standard input
    assert about_curve(video, [], 0.2, 10, False)["size"] is None


@needs_shared
def test_with_mtcnn_and_nets(models, tmp_path):
    """A real video whose last frame here, a batch of its own, has other landmarks in a batch with others."""
    rater = load_estimator([models])

    class Clip(Video):
        name, width, height, rate, count = "clip", 640, 360, 25, 17

        def frames(self):
            with open_video(SHARED / "video" / "single_face.mp4") as video:
                for number, frame in enumerate(itertools.islice(video.frames(), 12, 29)):
                    yield Frame(number, number / 25, frame.image)

    whole = record(rater, Clip(), tmp_path)
    for kept in 5, 17:
        (tmp_path / "curve.csv").write_bytes(b"".join(whole.splitlines(keepends=True)[:1 + kept]))
        assert record(rater, Clip(), tmp_path, resume=True) == whole
