"""The synthetic dataset: UNBC's layout, labels that agree, grimaces that show, the same bytes every time."""
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import make_synthetic
from pain.command import run
from pain.datasets import unbc
from pain.datasets.pspi import CLASSES, pspi, quantise
from pain.datasets.synthetic import faces, videos
from pain.datasets.synthetic.folder import make_once
from pain.errors import Problem
from support.project import run_tool

ARGUMENTS = dict(subjects=3, videos=2, frames=40, seed=1)
AT_REST = dict.fromkeys(faces.HIGHEST, 0)
UPRIGHT = faces.Pose(0, 0, 0, 1)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("synthetic") / "unbc"
    assert make_once(root, videos.draw_dataset, **ARGUMENTS)
    return root


@pytest.fixture(scope="module")
def face():
    return faces.Face()


def contents(root, below=""):
    return {path.relative_to(root).as_posix(): path.read_bytes()
            for path in sorted((root / below).rglob("*")) if path.is_file()}


def frames_of(root):
    return [(subject, video, frame) for subject, video in unbc.list_videos(root)
            for frame in unbc.list_frames(root, subject, video)]


def command(*arguments):
    return run_tool("make_synthetic.py", *arguments)


def test_layout(dataset):
    assert unbc.list_videos(dataset) == [("%03d-sy%03d" % (k, k), "sy%03dt%daaaff" % (k, take))
                                         for k in (1, 2, 3) for take in (1, 2)]
    assert unbc.list_frames(dataset, "002-sy002", "sy002t1aaaff") == ["sy002t1aaaff%03d" % i for i in range(1, 41)]
    expected = {"synthetic.json"}
    for subject, video, frame in frames_of(dataset):
        expected.add("Images/%s/%s/%s.png" % (subject, video, frame))
        for kind in ("PSPI", "FACS"):
            expected.add("Frame_Labels/%s/%s/%s/%s_facs.txt" % (kind, subject, video, frame))
        for kind in ("AFF", "OPR", "SEN", "VAS"):
            expected.add("Sequence_Labels/%s/%s/%s.txt" % (kind, subject, video))
    assert set(contents(dataset)) == expected


def test_images_are_colour_of_320_by_240_and_of_a_face(dataset):
    for path in sorted(dataset.glob("Images/*/*/*.png"))[::20]:
        image = np.asarray(Image.open(str(path)))
        assert image.shape == (240, 320, 3) and image.dtype == np.uint8
        assert 40 < image.mean() < 230 and image.std() > 20
        assert (image == 255).all(axis=2).mean() < 0.3  # no light drowns the face


def test_labels_agree(dataset):
    worst = {}
    for subject, video, frame in frames_of(dataset):
        path = unbc.pspi_file(dataset, subject, video, frame)
        rows = [[float(number) for number in line.split()]
                for line in Path(str(path).replace("PSPI", "FACS")).read_text().splitlines()]
        aus = dict.fromkeys(AT_REST, 0)
        for au, intensity, *zeros in rows:
            assert zeros == [0, 0] and 0 < intensity <= faces.HIGHEST["AU%d" % au]
            aus["AU%d" % au] = intensity
        value = unbc.read_pspi(path)
        assert value == pspi(*(aus[au] for au in ("AU4", "AU6", "AU7", "AU9", "AU10", "AU43")))
        assert path.read_text() == "   %.7e\n" % value
        worst[subject, video] = max(value, worst.get((subject, video), 0))
    for kind, highest in unbc.RATINGS.items():
        ratings = {key: float((dataset / "Sequence_Labels" / kind / key[0] / (key[1] + ".txt")).read_text())
                   for key in worst}
        assert all(0 <= rating <= highest for rating in ratings.values())
        assert ratings[max(worst, key=worst.get)] == max(ratings.values())


def test_every_class_is_there_and_most_frames_are_without_pain(dataset):
    classes = quantise([unbc.read_pspi(unbc.pspi_file(dataset, *frame)) for frame in frames_of(dataset)])
    shares = np.bincount(classes, minlength=CLASSES) / len(classes)
    assert shares.min() > 0 and 0.5 <= shares[0] <= 0.78


@pytest.mark.parametrize("seed", range(10))
def test_any_three_subjects_have_every_class(seed):
    classes = set()
    for k in (1, 2, 3):
        for take in (1, 2):
            rng = np.random.RandomState([seed, k, take])
            course = videos.courses(rng, 60, strong=take % 2 == 1)
            values = [pspi(**{au.lower(): round(aus[au]) for au in aus}) for aus in course]
            classes.update(quantise(values))
    assert classes == set(range(CLASSES))


def test_same_arguments_same_bytes_and_subjects_do_not_depend_on_their_number(dataset, tmp_path):
    assert make_once(tmp_path / "one", videos.draw_dataset, **dict(ARGUMENTS, subjects=1))
    one, three = contents(tmp_path / "one"), contents(dataset)
    for record in one, three:
        del record["synthetic.json"]
    assert one == {path: data for path, data in three.items() if "001-sy001" in path}


def test_another_seed_is_other_people(tmp_path, face):
    pictures = [faces.render(face, faces.subject(face, np.random.RandomState([seed, 1])), AT_REST,
                                      UPRIGHT) for seed in (1, 2)]
    assert np.abs(pictures[0] - pictures[1]).mean() > 0.03


def region(image, x, y):
    """The part of an upright frame within `x` and `y`, pairs of face coordinates on the photograph's right side."""
    def pixel(value, middle, size):
        return int(round((value - middle) * faces.ZOOM + size / 2))
    return image[pixel(y[0], faces.MIDDLE[1], 240):pixel(y[1], faces.MIDDLE[1], 240),
                 pixel(x[0], faces.MIDDLE[0], 320):pixel(x[1], faces.MIDDLE[0], 320)]


@pytest.mark.parametrize("au, x, y", [
    ("AU4", (0, 40), (-18, -2)), ("AU6", (10, 40), (2, 25)), ("AU7", (10, 35), (-5, 10)),
    ("AU9", (0, 25), (0, 35)), ("AU10", (5, 30), (20, 45)), ("AU43", (10, 35), (-8, 5))])
def test_an_action_unit_shows_where_it_acts_the_more_the_stronger(face, au, x, y):
    who = faces.subject(face, np.random.RandomState(3))._replace(mirrored=False, build=[])
    highest = faces.HIGHEST[au]
    rest, half, full = (faces.render(face, who, dict(AT_REST, **{au: intensity}), UPRIGHT)
                        for intensity in (0, highest / 2, highest))
    there = np.abs(region(full - rest, x, y)).mean()
    assert there > 0.01 and there > 2 * np.abs(full - rest).mean()
    assert np.abs(region(half - rest, x, y)).mean() < there
    assert np.abs(full - rest)[:20].max() < 0.02  # the hair at the frame's edge stays


def test_eyes_close(face):
    """The dark of pupil and lashes gives way to skin."""
    who = faces.subject(face, np.random.RandomState(3))._replace(mirrored=False, build=[])
    open_, shut = (region(faces.render(face, who, dict(AT_REST, AU43=closed), UPRIGHT), (14, 30), (-4, 2))
                   for closed in (0, 1))
    assert shut.mean() > 1.2 * open_.mean() and shut.std() < open_.std()


def test_apex_differs_from_rest_more_than_rest_from_rest(dataset):
    for subject, video in unbc.list_videos(dataset)[::2]:  # the grimaces
        frames = unbc.list_frames(dataset, subject, video)
        values = [unbc.read_pspi(unbc.pspi_file(dataset, subject, video, frame)) for frame in frames]
        rest = [i for i, value in enumerate(values) if value == 0][0]
        apex = int(np.argmax(values))
        eyes = [np.asarray(Image.open(str(dataset / "Images" / subject / video / (frames[i] + ".png"))), float)[60:130]
                for i in (rest, rest + 1, apex)]
        assert values[rest + 1] == 0 and values[apex] >= 6
        assert np.abs(eyes[2] - eyes[0]).mean() > 2 * np.abs(eyes[1] - eyes[0]).mean()


def test_movements_are_smooth():
    for strong in (True, False):
        course = videos.courses(np.random.RandomState(5), 60, strong)
        path = np.array([[aus[au] / faces.HIGHEST[au] for au in AT_REST] for aus in course])
        assert 0 <= path.min() and path.max() <= 1 and np.abs(np.diff(path, axis=0)).max() < 0.35
        assert path[0].max() == path[-1].max() == 0
    steps = np.diff(videos.poses(np.random.RandomState(5), 60), axis=0)
    assert (np.abs(steps).max(axis=0) < [2.5, 1.5, 0.03, 0.015]).all()


def test_no_skin_folds_over():
    """Slides are one-to-one at their largest: along each axis, points keep their order."""
    axis = np.arange(-60, 110, 0.5, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    for signs in (1, -1):
        build = [(slide, signs) for slide in faces.BUILD]
        moves = [(slide, 1) for slides in faces.MOVES.values() for slide in slides]
        for slides in (build, moves, [(slide, 1) for slide in faces.UNSMILE]):
            source_x, source_y = faces.before_slides(x, y, slides)
            assert np.diff(source_x, axis=1).min() > 0 and np.diff(source_y, axis=0).min() > 0


def test_finished_is_left_alone_and_other_arguments_are_refused(dataset):
    before = {path: path.stat().st_mtime_ns for path in dataset.rglob("*")}
    assert not make_once(dataset, videos.draw_dataset, **ARGUMENTS)
    with pytest.raises(Problem, match="--subjects 3 --videos 2 --frames 40 --seed 1; remove it or name another"):
        make_once(dataset, videos.draw_dataset, **dict(ARGUMENTS, seed=2))
    assert before == {path: path.stat().st_mtime_ns for path in dataset.rglob("*")}


def test_interrupted_is_not_taken_for_finished(tmp_path, monkeypatch):
    out, arguments = tmp_path / "unbc", dict(subjects=1, videos=2, frames=3, seed=7)
    whole, real = tmp_path / "whole", videos.write_frame
    make_once(whole, videos.draw_dataset, **arguments)

    def stops(root, video, frame, *rest):
        if frame == "sy001t2aaaff002":
            raise KeyboardInterrupt
        return real(root, video, frame, *rest)

    monkeypatch.setattr(videos, "write_frame", stops)
    with pytest.raises(KeyboardInterrupt):
        make_once(out, videos.draw_dataset, **arguments)
    assert not out.exists()
    (tmp_path / "unbc.partial" / "Images" / "left-over.png").write_bytes(b"")
    monkeypatch.setattr(videos, "write_frame", real)
    assert make_once(out, videos.draw_dataset, **arguments)
    assert contents(out) == contents(whole) and not (tmp_path / "unbc.partial").exists()


def test_command_line(tmp_path):
    (tmp_path / "unbc").mkdir()  # an empty folder will do
    arguments = tmp_path / "unbc", "--subjects", 1, "--videos", 1, "--frames", 2
    first, again = command(*arguments), command(*arguments)
    assert (first.returncode, again.returncode) == (0, 0) and "frame" in first.stderr
    assert first.stdout.endswith(": made\n") and again.stdout.endswith("nothing to do\n") and again.stderr == ""
    assert len(list((tmp_path / "unbc").glob("Images/*/*/*.png"))) == 2


@pytest.mark.parametrize("wrong", [
    ("--subjects", 0), ("--subjects", 1000), ("--videos", 0), ("--frames", -3), ("--frames", "many"), ("--seed", -1),
    ("--seed", 2 ** 32), ("--colour", "red")])
def test_bad_arguments_are_one_line_and_exit_2(tmp_path, monkeypatch, capsys, wrong):
    monkeypatch.setattr(sys, "argv", ["make_synthetic.py", str(tmp_path / "unbc")] + [str(word) for word in wrong])
    with pytest.raises(SystemExit) as stop:
        run(make_synthetic.main)
    error = capsys.readouterr().err
    assert stop.value.code == 2 and error.count("\n") == 1 and wrong[0] in error
    assert list(tmp_path.iterdir()) == []
