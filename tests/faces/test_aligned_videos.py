"""aligned_videos.py and tools/align_faces.py: a small dataset from its frames to frames.csv, and what can go wrong."""
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import skimage.io

import align_faces
from pain.datasets import folds, unbc
from pain.datasets.black_frames import read_frame
from pain.datasets.synthetic.folder import RECORD
from pain.faces import aligned_videos
from pain.faces.aligned_videos import AlignedFrame
from pain.faces.alignment import align
from pain.faces.detector import BATCH
from pain.files import read_csv
from pain.images import SUFFIXES
from pain.provenance import OWN, SYNTHETIC, Data, Origin, read_origin
from support.faces import ASTRONAUT, FACELESS, saved
from support.project import assert_one_line_error, run_here, run_tool

COLUMNS = AlignedFrame._fields

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


def test_what_was_drawn_is_recorded_as_drawn(dataset):
    root, out = dataset
    assert read_origin(out / "frames.csv") == Origin(Data(OWN))
    (root / RECORD).write_text("{}")
    aligned_videos.align_faces(root, out)
    assert read_origin(out / "frames.csv") == Origin(Data(SYNTHETIC))
    subjects = folds.read_subjects(out / "frames.csv", "none")
    assert folds.data_of(out / "frames.csv", subjects, len(subjects)) == Data(
        SYNTHETIC, 2, BATCH + 6, tuple(np.bincount(np.concatenate([subject.labels for subject in subjects]))))


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
    assert rows == [tuple(row.values()) for row in read_csv(out / "frames.csv", COLUMNS, "make align")]

    os.utime(str(frame_path(root, LONG, 3)))
    relabel(root, NO_FACE, 0, "   7.0000000e+00\n")
    leftover = out / LONG[0] / (".%s.partial" % LONG[1])
    shutil.copytree(str(out.joinpath(*LONG)), str(leftover))
    (leftover / "other.png").touch()
    again = aligned_videos.align_faces(root, out)
    assert {path.parent.name for path, stamp in stamps(out).items() if before.get(path) != stamp} == {
        LONG[1], NO_FACE[1]}
    assert stamps(out).keys() == before.keys() and not leftover.exists()
    assert [row for row in again if row.pspi == "7"] == [
        (*NO_FACE, "aa001t2aaaff001", "7", "missing", "no face in the whole video", *[""] * 15)]
    assert [row for row in again if row.video != NO_FACE[1]] == [row for row in rows if row.video != NO_FACE[1]]


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


def test_frames_of_every_kind_in_the_order_of_their_numbers(tmp_path):
    """Moved by some pixels a frame, so that the one without a face shows by its landmarks which are its neighbours."""
    names, video = ["8.png", "9.JPG", "10.PNG", "11.jpeg"], ("001-aa001", "video")
    folder = tmp_path / "unbc" / "Images" / video[0] / video[1]
    folder.mkdir(parents=True)
    for i, name in enumerate(names):
        saved(folder / name, FACELESS if i == 2 else np.roll(ASTRONAUT, 8 * i, axis=1))
        path = unbc.pspi_file(tmp_path / "unbc", *video, name.split(".")[0])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(("%d" % i).encode("utf-8-sig"))
    for left in "._8.png", ".DS_Store", "Thumbs.db", "notes.txt":
        (folder / left).write_bytes(b"no image")
    (folder / "@eaDir").mkdir()
    (folder.parent / "__MACOSX").mkdir()
    process = run_here(align_faces.main, tmp_path / "unbc", "--out", tmp_path / "aligned", "--jobs", 1)
    assert process.returncode == 0, process.stderr
    rows = read_csv(tmp_path / "aligned" / "frames.csv", COLUMNS, "make align")
    assert [(row["frame"], row["pspi"], row["status"]) for row in rows] == [
        ("8", "0", "detected"), ("9", "1", "detected"), ("10", "2", "interpolated"), ("11", "3", "detected")]
    nose = [float(row["nose_x"]) for row in rows]
    assert nose[2] == pytest.approx((nose[1] + nose[3]) / 2, abs=0.002) and nose[0] < nose[1] < nose[2] < nose[3]
    assert process.stdout.split("\n")[1:] == [
        "  left out: 001-aa001/video/notes.txt: no image of a kind that is read (%s)" % ", ".join(SUFFIXES), ""]


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
    (lambda root: (root / "Images" / "001-aa001" / "aa001t2aaaff").mkdir(), ["aa001t2aaaff", "without frames (.png"]),
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


SUBJECTS = ["042-ll042"] + ["%03d-xx%03d" % (number, number) for number in range(101, 125)]


def rows_of(subject, frames, videos, status="detected"):
    row = AlignedFrame(*[""] * len(COLUMNS))._replace(subject=subject, pspi="0", status=status)
    return [row._replace(video="video%d" % (i % videos), frame="frame%d" % i) for i in range(frames)]


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
