"""Curves and labels as predictions: the same scores by every form, several raters, what is not covered, and whose."""
import csv
import json
import math
import sys

import numpy as np
import pytest

import evaluate
import label_curves
from pain.evaluation.results import read_result
from pain.labels.agreement import agreement
from pain.labels.matching import with_raters
from pain.labels.record import Labels
from pain.provenance import Data, Origin, as_dict, read_origin
from pain.study.labelled import LabelledCurve, ceiling, ceiling_text
from pain.video.curve import no_face, write_curve
from support import label_files as files
from support.curves import curve

TIMES = np.arange(files.FRAMES) / files.RATE
A = [(0.4, 2.0, 1), (2.0, 3.48, 4), (5.0, 5.04, 1.5), (7.36, 9.0, 0)]
B = [(0.4, 2.2, 2), (2.2, 3.48, 3), (5.0, 5.04, 1), (6.0, 9.0, 0)]


def label_of(time, intervals):
    return next((label for onset, offset, label in intervals if onset <= time < offset), None)


def write_curves(folder, *names):
    """Curves of ten seconds, with no face in frames 60 to 69."""
    for seed, name in enumerate(names):
        values = np.random.RandomState(seed).uniform(0, 5, files.FRAMES).round(6)
        rows = curve(TIMES, values)
        rows[60:70] = [no_face(i, TIMES[i], 0) for i in range(60, 70)]
        (folder / "curves" / name).mkdir(parents=True)
        write_curve(folder / "curves" / name / "curve.csv", dict(
            source="recordings/%s.mp4" % name, origin=as_dict(Origin(Data("own"), "mine"))), rows)


def run(capsys, folder, *arguments, status=0):
    """The command on folder/curves, in this process. Returns what it says on stdout, or on stderr if `status`."""
    sys.argv = ["label_curves.py", str(folder / "curves"), "--out", str(folder / "out"), *map(str, arguments)]
    capsys.readouterr()
    try:
        label_curves.run(label_curves.main)
    except SystemExit as end:
        assert end.code == status, capsys.readouterr().err
    said = capsys.readouterr()
    assert "Traceback" not in said.err and (status or not said.err)
    return said.err if status else said.out


def predictions(path):
    with open(str(path), newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def argv(monkeypatch):
    monkeypatch.setattr(sys, "argv", [])


@pytest.fixture
def folder(tmp_path, argv, usual_signals):
    write_curves(tmp_path, "sub-01_task-arm")
    return tmp_path


FORMS = {"eaf": lambda path: files.eaf(path, {"A": A}, "sub-01_task-arm.mp4"),
         "txt": lambda path: files.elan_text(path, {"A": A}), "csv": lambda path: files.boris(path, A),
         "tsv": lambda path: files.table(path, "frame,label", [
             (i, label_of(time, A)) for i, time in enumerate(TIMES) if label_of(time, A) is not None])}


def test_elan_boris_and_csv_give_the_same_predictions(folder, capsys):
    made = {}
    for suffix, write in FORMS.items():
        path = folder / ("sub-01_task-arm." + suffix)
        write(path)
        if suffix == "csv":
            path.write_text(path.read_text().replace("D:\\visit 1.mp4", "sub-01_task-arm.mp4"))
        said = run(capsys, folder, "--labels", path)
        path.unlink()
        made[suffix] = (folder / "out" / "predictions.csv").read_bytes(), said.splitlines()[1:]
    assert len(set(map(str, made.values()))) == 1
    rows = predictions(folder / "out" / "predictions.csv")
    expected = {i: label_of(time, A) for i, time in enumerate(TIMES)
                if label_of(time, A) is not None and not 60 <= i < 70}
    assert {int(row["frame"]): float(row["label"]) for row in rows} == expected
    assert {(row["subject"], row["video"]) for row in rows} == {("sub-01", "sub-01_task-arm")}
    assert "10 labelled frames without an intensity, %d with" % (240 - len(expected)) in said
    assert read_origin(folder / "out" / "predictions.csv").training == "mine"
    sys.argv = ["evaluate.py", str(folder / "out"), "--draws", "9", "--json", "-"]
    evaluate.main()
    figures = json.loads(capsys.readouterr().out)["rows"][0]
    error = [abs(float(row["label"]) - float(row["prediction"])) for row in rows]
    of_class = {}
    for given, off in zip(rows, error):
        of_class.setdefault(math.floor(float(given["label"]) + 0.5), []).append(off)
    assert sorted(of_class) == [0, 1, 2, 4]  # 1.5 is averaged with the 2s
    assert figures["mae"] == pytest.approx(np.mean(error)) and figures["wmae"] == pytest.approx(
        np.mean([np.mean(some) for some in of_class.values()]))


def test_two_raters_by_their_files(folder, capsys):
    files.eaf(folder / "sub-01_task-arm_anna.eaf", {"pain": A}, "elsewhere/sub-01_task-arm.mp4")
    files.table(folder / "sub-01_task-arm_Ben.csv", "onset,offset,label", B)
    said = run(capsys, folder, "--labels", *sorted(folder.glob("sub-01*.*")))
    pairs = {i: (label_of(time, A), label_of(time, B)) for i, time in enumerate(TIMES)}
    mean = {int(row["frame"]): float(row["label"]) for row in predictions(folder / "out" / "predictions.csv")}
    for i, pair in pairs.items():
        rated = [label for label in pair if label is not None]
        assert (i in mean) == bool(rated and not 60 <= i < 70)
        assert i not in mean or mean[i] == sum(rated) / len(rated)
    ben = {int(row["frame"]): float(row["label"]) for row in predictions(folder / "out" / "rater-ben.csv")}
    assert ben == {i: b for i, (_, b) in pairs.items() if b is not None and not 60 <= i < 70}
    assert read_result(folder / "out").path == folder / "out"  # without the raters' own
    about = json.loads((folder / "out" / "labels.about.json").read_text())["agreement"]
    both = {i: pair for i, pair in pairs.items() if None not in pair}
    ratings = np.array([[np.nan if label is None else label for label in pair] for pair in pairs.values()]).T
    assert about["raters"] == pytest.approx(agreement(ratings)._asdict(), abs=1e-6)
    assert about["raters"]["frames"] == len(both) and about["frames"] == len([i for i in both if not 60 <= i < 70])
    assert [(pair["first"], pair["second"]) for pair in about["pairs"]] == [
        ("net", "mean"), ("net", "rater anna"), ("net", "rater ben"), ("rater anna", "rater ben")]
    assert "rater anna, rater ben" in said and "ICC(2,1) %.3f" % about["raters"]["icc21"] in said
    files.table(folder / "sub-01_task-arm.csv", "onset,offset,label", B)
    run(capsys, folder, "--labels", folder / "sub-01_task-arm.csv")
    assert [path.name for path in sorted((folder / "out").iterdir())] == [
        "labels.about.json", "predictions.csv", "predictions.origin.json"]


def test_what_cannot_be_used_is_named_and_the_rest_is_done(folder, capsys):
    write_curves(folder, "P2", "no labels", "sub-03")
    (folder / "curves" / "nobody").mkdir()
    write_curve(folder / "curves" / "nobody" / "curve.csv", dict(source="nobody.mp4"), [no_face(0, 0., 0)])
    labels = folder / "labels"
    labels.mkdir()
    files.table(labels / "all.csv", "video,subject,onset,offset,label", [
        ("sub-01_task-arm.mp4", "", 0, 1, 1), ("sub-03", "", 0, 1, 2)])
    files.table(labels / "P2.csv", "onset,offset,label", [(0, 1, 1)])
    files.table(labels / "sub-09.csv", "onset,offset,label", [(0, 1, 1)])
    (labels / "bad.csv").write_text("frame,label\n0,9\n")
    said = run(capsys, folder, "--labels", labels, status=1)
    for words in ("bad.csv: line 2: the label is not", "sub-09.csv: no video is called so",
                  "P2.mp4: whose face is it?", "3 files or curves left out"):
        assert words in said
    rows = predictions(folder / "out" / "predictions.csv")
    assert {(row["subject"], row["video"]) for row in rows} == {("sub-01", "sub-01_task-arm"), ("sub-03", "sub-03")}
    files.table(folder / "people.csv", "video,participant_id", [("P2.mp4", "Pia"), ("sub-03", "Kai")])
    run(capsys, folder, "--labels", labels / "P2.csv", labels / "all.csv", "--participants", folder / "people.csv")
    assert {row["subject"] for row in predictions(folder / "out" / "predictions.csv")} == {"sub-01", "Pia", "Kai"}
    run(capsys, folder, "--labels", labels / "P2.csv", "--pattern", "{sub}")
    assert {row["subject"] for row in predictions(folder / "out" / "predictions.csv")} == {"P2"}


def test_pspi(folder, capsys):
    path = folder / "sub-01_task-arm.csv"
    files.table(path, "frame,label", [(0, 3), (1, 9.5), (2, 16)])
    for more, expected in ([], ["3", "5", "5"]), (["--raw"], ["3", "9.5", "16"]):
        run(capsys, folder, "--labels", path, "--pspi", *more)
        assert [given["label"] for given in predictions(folder / "out" / "predictions.csv")] == expected
    assert "say that labels are PSPI" in run(capsys, folder, "--labels", path, "--raw", status=2)


@pytest.mark.parametrize("content, words", [
    ("frame,label\n0,9\n", "the label is not a number"), ("frame,label\n900,1\n", "no frame has both a label and an")])
def test_nothing_that_can_be_used(folder, capsys, content, words):
    (folder / "sub-01_task-arm.csv").write_text(content)
    said = run(capsys, folder, "--labels", folder / "sub-01_task-arm.csv", status=2)
    assert words in said and said.count("\n") == 1 and not (folder / "out").exists()


def test_raters_who_have_rated_nothing_together():
    def labelled(name, **labels):
        return LabelledCurve(name, name, [0, 1, 2], np.array([0., 1, 3]), {
            rater: np.array(values, float) for rater, values in labels.items()}, 0, Origin())
    both, alone = labelled("x", a=[0, 1, 2], b=[1, 1, 2]), labelled("y", c=[1, 1, 5])
    found = ceiling([both, alone])
    assert found == ceiling([both])._replace(apart=["c"]) and found.frames == 3 and len(found.pairs) == 4
    assert ceiling_text(found).endswith("no other has rated the same frames: c")
    each = ceiling([labelled("x", a=[0, 1, 2]), alone])
    assert (each.frames, each.raters, each.apart) == (6, None, []) and each.pairs[0][:3] == ("net", "labels", 4 / 6)


def test_raters_by_names_of_files():
    def names(*found):
        labels = Labels("frame", np.zeros(1), np.zeros(1))
        pairs = {}
        for video, file in found:
            pairs.setdefault(video, []).append((file, labels))
        made = with_raters({video: "videos/%s.mp4" % video for video in pairs}, pairs)
        return [read.rater for video in pairs for _, read in made[video]]

    assert names(("v", "v.csv"), ("w", "w_labels.csv"), ("x", "labels/x.mp4.txt")) == ["", "", ""]
    assert names(("v", "v_Anna.csv"), ("v", "v rater-b.eaf"), ("w", "w_anna.csv")) == ["anna", "b", "anna"]
    assert names(("v", "Anna/v.csv"), ("v", "ben/v.csv"), ("w", "Anna/w.csv")) == ["anna", "ben", "anna"]
    assert names(("v", "anna.eaf"), ("v", "ben.eaf")) == ["anna", "ben"]
    assert names(("v", "v.csv"), ("v", "v.csv")) == ["", ""]
