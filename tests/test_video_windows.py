"""layers/video_windows.py: whose frames a window has, in which order, and what is refused."""
import os

import numpy as np
import pytest

from layers.video_windows import Windows, others
from support.caffe_runs import LayerInNet, write_samples

VIDEOS = {"01-a": ["a/v", "a/w"], "02-b": ["b/x"], "03-c": ["c/y"]}
LENGTH = 5


@pytest.fixture(scope="module")
def folds(tmp_path_factory):
    """Three folds of 5 frames a video, of which each pixel is the frame's number among all: 0..19."""
    folder, number = tmp_path_factory.mktemp("folds"), 0
    for fold, videos in VIDEOS.items():
        names = [video + "/f%d.png" % i for video in videos for i in range(LENGTH)]
        numbers = range(number, number + len(names))
        images, number = [np.full((3, 2, 4), n, np.uint8) for n in numbers], numbers.stop
        (folder / fold).mkdir()
        write_samples(folder / fold / "val_lmdb", images, [n % 6 for n in numbers], names)
        write_samples(folder / fold / "train_lmdb", images[:1], [0])
    return folder


def firsts(images):
    """The numbers of a window's frames."""
    return images[:, ::3, 0, 0].astype(int).tolist()


def test_windows_end_at_their_frame_and_never_leave_its_video(folds):
    images, labels = Windows([str(folds / "01-a/val_lmdb")], window=3, batch_size=10).batch(0)
    assert images.shape == (10, 9, 2, 4) and images.dtype == labels.dtype == np.float32
    assert firsts(images) == [[max(first, n - 2), max(first, n - 1), n]
                              for first in (0, 5) for n in range(first, first + 5)]
    assert labels.tolist() == [n % 6 for n in range(10)]


def test_testing_goes_through_a_subjects_frames_in_order_and_round_again(folds):
    layer = LayerInNet("layers.video_windows", "WindowsLayer",
                       {"source": str(folds / "02-b/val_lmdb"), "window": 2, "batch_size": 4}, [], tops=2)
    numbers = []
    for _ in range(3):
        layer.forward()
        numbers += firsts(layer.top(0))
    assert [pair[-1] for pair in numbers] == [10 + n % 5 for n in range(12)]


def test_training_takes_every_window_of_the_other_folds_once_a_round(folds, tmp_path):
    link = tmp_path / "train_lmdb"
    link.symlink_to(os.path.relpath(str(folds / "02-b/train_lmdb"), str(tmp_path)))
    assert [path.split(os.sep)[-2] for path in others(str(link))] == ["01-a", "03-c"]
    params = {"source": str(link), "window": 2, "batch_size": 5, "mirror": True, "seed": 3}
    layer, batches = LayerInNet("layers.video_windows", "TrainingWindowsLayer", params, [], tops=2), []
    for _ in range(6):
        layer.forward()
        batches.append((layer.top(0).copy(), layer.top(1).copy()))
    rounds = [[pair[-1] for images, _ in some for pair in firsts(images)] for some in (batches[:3], batches[3:])]
    expected = [*range(10), *range(15, 20)]
    assert sorted(rounds[0]) == sorted(rounds[1]) == expected and rounds[0] != rounds[1] and rounds[0] != expected
    assert all((labels == images[:, -1, 0, 0] % 6).all() for images, labels in batches)
    again = LayerInNet("layers.video_windows", "TrainingWindowsLayer", params, [], tops=2)
    again.blob(0)[...] = 4  # as a snapshot fills it
    again.forward()
    assert (again.top(0) == batches[4][0]).all() and (again.top(1) == batches[4][1]).all()


def test_a_window_is_mirrored_as_a_whole(tmp_path):
    image = np.arange(8, dtype=np.uint8).reshape(1, 2, 4)
    write_samples(tmp_path / "lmdb", [image] * 3, [0] * 3, ["s/v/%d.png" % i for i in range(3)])
    images, _ = Windows([str(tmp_path / "lmdb")], window=2, batch_size=40, mirror=True, seed=1).batch(0)
    assert {tuple(window[:, 0, 0]) for window in images} == {(0, 0), (3, 3)}


@pytest.mark.parametrize("changes, message", [
    ({"window": 0}, "window must be a positive integer"), ({"batch_size": "4"}, "batch_size must be"),
    ({"source": "nowhere"}, "no other folds beside"), ({"classes": 6}, "unknown classes"),
])
def test_what_is_refused(folds, changes, message):
    params = dict({"source": str(folds / "01-a/train_lmdb"), "window": 2, "batch_size": 4}, **changes)
    with pytest.raises(ValueError, match=message):
        LayerInNet("layers.video_windows", "TrainingWindowsLayer", params, [], tops=2)


def test_damaged_and_unlike_data_are_refused(tmp_path):
    write_samples(tmp_path / "sizes", [np.zeros((3, 2, width), np.uint8) for width in (4, 5)], [0, 0])
    with pytest.raises(ValueError, match="all of one shape"):
        Windows([str(tmp_path / "sizes")], 2, 2)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/data.mdb").write_bytes(b"x" * 9000)
    with pytest.raises(ValueError, match="damaged"):
        Windows([str(tmp_path / "bad")], 2, 2)
