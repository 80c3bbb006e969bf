"""OSVR fold by fold: what reaches a prediction and what does not, how gamma is chosen, and the command."""
import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from pain.baselines import osvr_folds
from pain.baselines.features import aam_file
from pain.baselines.osvr import OSVR
from pain.baselines.osvr_folds import LabelledVideo, learn_fold, supervision, validate
from pain.baselines.projection import Projection
from pain.errors import Problem
from pain.evaluation.results import read_result
from pain.faces.alignment import LANDMARKS, TEMPLATE
from pain.provenance import SYNTHETIC, Data, Origin, read_origin, write_origin
from support.project import assert_one_line_error, run_tool


def made_up(subjects=4, frames=15):
    """LabelledVideos, two a subject, and their features of two kinds, of which one goes with pain."""
    random, videos, features = np.random.RandomState(0), [], []
    for subject in range(subjects):
        for video in "ab":
            pain = 5 * np.exp(-0.5 * np.square((np.arange(frames) - random.uniform(0, frames)) / 3))
            rows = [{"frame": "f%d" % i} for i in range(frames)]
            videos.append(LabelledVideo("s%d" % subject, video, rows, np.floor(pain + 0.5).astype(int)))
            features.append({"x": random.normal(size=(frames, 4)) + np.outer(pain, [1, 0, 2, 0]),
                             "y": random.normal(size=(frames, 3))})
    return videos, features


def make(gamma):
    return OSVR(gamma=gamma, max_iter=30)


@pytest.mark.parametrize("left_out", [["s1"], ["s0", "s3"]])
def test_a_fold_is_osvr_of_the_projected_features_of_the_others(left_out):
    videos, features = made_up()
    fold = learn_fold(videos, features, left_out, [(10, 1)], None, make, False)
    inside = [i for i, video in enumerate(videos) if video.subject not in left_out]
    projection = Projection().fit([features[i] for i in inside])
    model = make((10, 1)).fit([projection.transform(features[i]) for i in inside], [videos[i].labels for i in inside])
    assert np.array_equal(fold.model.theta_, model.theta_) and fold.gamma == (10, 1) and fold.validation == {}


def test_nothing_of_the_left_out_subject_reaches_its_model():
    videos, features = made_up()
    expected = learn_fold(videos, features, ["s1"], [(1, 1), (100, 1)], 3, make, False)
    for i in 2, 3:
        videos[i] = videos[i]._replace(labels=5 - videos[i].labels)
        features[i] = {kind: values[::-1] * 7 for kind, values in features[i].items()}
    again = learn_fold(videos, features, ["s1"], [(1, 1), (100, 1)], 3, make, False)
    assert np.array_equal(expected.model.theta_, again.model.theta_) and expected.validation == again.validation


def test_gamma_is_that_of_the_best_mean_pcc_of_subjects_left_out_in_turn():
    videos, features = made_up()
    gammas = [(0.01, 1), (1, 0.1), (100, 1)]
    scores = validate(videos, features, gammas, 4, make, False)
    for gamma in gammas:
        values = []
        for subject in "s0", "s1", "s2", "s3":
            fold = learn_fold(videos, features, [subject], [gamma], None, make, False)
            own = [i for i, video in enumerate(videos) if video.subject == subject]
            predicted = np.concatenate([fold.model.predict(fold.projection.transform(features[i])) for i in own])
            values.append(np.corrcoef(predicted, np.concatenate([videos[i].labels for i in own]))[0, 1])
        assert scores[gamma] == pytest.approx(np.mean(values), abs=1e-12)
    fold = learn_fold(videos, features, ["s0"], gammas, 2, make, False)
    assert fold.gamma == max(fold.validation, key=fold.validation.get) and len(fold.validation) == 3


def test_subjects_without_pain_do_not_spoil_the_choice():
    videos, features = made_up()
    videos = [video._replace(labels=0 * video.labels) if video.subject == "s2" else video for video in videos]
    scores = validate(videos, features, [(1, 1), (100, 1)], 4, make, False)
    assert np.isfinite(list(scores.values())).all()


def test_key_frames_are_the_first_the_apex_and_the_last():
    labels = np.array([0, 1, 3, 3, 3, 2, 0])
    assert supervision(labels, True).tolist() == [[0, 0], [3, 3], [6, 0]]
    assert supervision(labels[2:3], True).tolist() == [[0, 3]]
    assert supervision(labels, False).tolist() == [[i, label] for i, label in enumerate(labels)]


@pytest.mark.parametrize("subjects, left_out, gammas, text", [
    (3, ["s7"], [(1, 1)], "subject s7: no aligned frames"), (1, ["s0"], [(1, 1)], "subject s0: there are no others"),
    (2, ["s0"], [(1, 1), (2, 1)], "--choose: takes two training subjects or more")])
def test_folds_that_cannot_be_get_one_line(subjects, left_out, gammas, text):
    with pytest.raises(Problem, match="^" + text):
        learn_fold(*made_up(subjects), left_out, gammas, 3, make, False)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """aligned/ with three subjects of a video of 8 frames each, the brighter the more pain, and empty folds/."""
    root, random, rows = tmp_path_factory.mktemp("osvr"), np.random.RandomState(0), []
    for number in range(1, 4):
        subject = "%03d-s" % number
        fold = root / "folds" / ("%02d-%s" % (number, subject))
        fold.mkdir(parents=True)
        (fold / "train.txt").write_text("of this fold\n")
        write_origin(fold / "train.txt", Origin(Data(SYNTHETIC, 3, 24, (9, 3, 3, 3, 3, 3), (fold.name,))))
        (root / "aligned" / subject / "v").mkdir(parents=True)
        for i, pspi in enumerate([0, 0, 1, 3, 4, 8, 2, 0]):
            points = (TEMPLATE + random.normal(size=(5, 2))).ravel()
            face = random.randint(0, 60, (112, 96, 3)) + np.arange(96)[:, None] % (2 + pspi) * 10
            Image.fromarray(face.astype(np.uint8)).save(str(root / "aligned" / subject / "v" / ("f%d.png" % i)))
            rows.append([subject, "v", "f%d" % i, pspi, "detected", *("%.3f" % value for value in points)])
        rows.append([subject, "v", "f8", 0, "missing", *[""] * 10])
    with open(str(root / "aligned" / "frames.csv"), "w", newline="") as file:
        csv.writer(file).writerows([["subject", "video", "frame", "pspi", "status", *(
            name + axis for name in LANDMARKS for axis in ("_x", "_y"))], *rows])
    return root


def osvr(root, *arguments):
    return run_tool("osvr.py", "--aligned", root / "aligned", "--folds", root / "folds", "--models", root / "models",
                    "--cache", root / "features", "--jobs", 1, *arguments)


def test_the_command_makes_both_rows_and_goes_on_where_it_was(dataset):
    done = osvr(dataset, "--fold", 2)
    assert done.returncode == 0, done.stderr
    first = sorted(dataset.glob("models/*/*/predictions.csv"))
    assert [path.parts[-3:-1] for path in first] == [("osvr_l1", "02-002-s"), ("osvr_l2", "02-002-s")]
    times = [path.stat().st_mtime_ns for path in first]
    done = osvr(dataset)
    assert done.returncode == 0 and "osvr_l1/02-002-s" not in done.stdout, done.stderr
    assert [path.stat().st_mtime_ns for path in first] == times
    for name, title in ("osvr_l1", "OSVR-l1"), ("osvr_l2", "OSVR-l2"):
        result = read_result(dataset / "models" / name)
        assert result.name == title and [video.subject for video in result.videos] == ["001-s", "002-s", "003-s"]
        assert all(video.label.tolist() == [0, 0, 1, 3, 4, 5, 2, 0] for video in result.videos)
    origin = read_origin(first[1])
    assert origin.kind == SYNTHETIC and origin.training == "osvr_l2" and origin.data.left_out == ("02-002-s",)
    how = json.loads((dataset / "models/osvr_l2/01-001-s/osvr.json").read_text())
    assert how["gamma"] == [100, 1] and 0 < how["iterations"] <= 300 and how["validation"] == []


def test_other_settings_make_a_fold_anew(dataset, tmp_path):
    arguments = "--fold", 1, "--loss", 2, "--models", tmp_path
    assert osvr(dataset, *arguments).returncode == 0
    path = tmp_path / "osvr_l2" / "01-001-s" / "predictions.csv"
    before = path.read_text()
    done = osvr(dataset, *arguments, "--converged", "--key-frames", "--choose", 2)
    assert done.returncode == 0 and path.read_text() != before, done.stderr
    how = json.loads((path.parent / "osvr.json").read_text())
    assert len(how["validation"]) == 6 and how["made_from"]["key_frames"] and how["made_from"]["converged"]
    assert how["gamma"] == max(how["validation"], key=lambda row: row[2])[:2]


def test_other_faces_or_landmarks_make_a_fold_anew(dataset, tmp_path):
    aligned, points = tmp_path / "aligned", aam_file(tmp_path, "001-s", "v", "f0")
    shutil.copytree(str(dataset / "aligned"), str(aligned))
    points.parent.mkdir(parents=True)
    made = []
    for path in aligned / "001-s/v/f0.png", points:
        for content in b"before", b"after":
            path.write_bytes(content)
            made.append(osvr_folds.made_from(aligned, tmp_path, {}))
    assert made[0] != made[1] != made[2] != made[3]
    assert osvr_folds.made_from(aligned, tmp_path, {}) == made[3]


def test_the_command_refuses_in_one_line(dataset, tmp_path):
    for arguments, text in ((("--fold", 9), "--fold 9: there are 01 to 03"), (("--choose", 1), "--choose 2 or more"),
                            (("--gamma", -1, 1), "gamma is (-1.0, 1.0), not two numbers, 0 or more"),
                            (("--aligned", tmp_path), "frames.csv: no such file; make it with `make align`")):
        assert_one_line_error(osvr(dataset, *arguments), text)
    done = osvr(dataset, "--archive", tmp_path, "--models", tmp_path)
    assert done.returncode == 1 and done.stderr.count("f0_aam.txt: no such label file") == 3, done.stderr
    assert done.stderr.endswith("osvr.py: 3 of 3 failed, see above\n")


def test_a_fold_that_was_not_finished_is_not_made(tmp_path):
    assert not osvr_folds.is_made(tmp_path, {})
    (tmp_path / "osvr.json").write_text("[]")
    assert not osvr_folds.is_made(tmp_path, {})
    (tmp_path / "osvr.json").write_text('{"made_from": {"a": 1}}')
    assert not osvr_folds.is_made(tmp_path, {"a": 1})
    (tmp_path / "predictions.csv").write_text("")
    assert osvr_folds.is_made(tmp_path, {"a": 1}) and not osvr_folds.is_made(tmp_path, {"a": 2})
