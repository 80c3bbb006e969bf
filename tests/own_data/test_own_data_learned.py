"""From recordings and labels of ten people, in five forms, to scores: what docs/own_data.md says, on a slim net."""
import json

import numpy as np
import pytest
from pympi import Eaf

from pain.datasets import pspi
from pain.datasets.synthetic import faces, videos
from pain.notice import learned_from
from pain.provenance import Data, read_origin
from pain.video.sample import write_video
from support.project import ENGINE, run_tool

RATE, SECONDS, SUBJECTS, FOLDS = 15, 3, 10, 5
VARIANT = "smooth_l1_center_l1_sampling"
SOLVER = 'base_lr: 0.03 lr_policy: "poly" power: 1 max_iter: 300 clip_gradients: 5'
NAMES = "sub-%02d_task-arm", "sub-%02d_task-l\u00e8ve le bras"


def draw(path, face, who, random, strong):
    """Draw a video of a subject; its labels, (N,) int 0..5."""
    count, images, labels = RATE * SECONDS, [], []
    for aus, pose in zip(videos.courses(random, count, strong), videos.poses(random, count)):
        image = faces.render(face, who, aus, pose) + who.grain * random.standard_normal((faces.HEIGHT, faces.WIDTH, 1))
        images.append(np.round(255 * image.clip(0, 1)).astype(np.uint8))
        labels.append(int(pspi.quantise(pspi.pspi(**{au.lower(): round(value) for au, value in aus.items()}))))
    write_video(path, images, RATE)
    return np.array(labels)


def intervals(labels):
    """(first frame, the frame after the last, label) of each stretch of one label."""
    edges = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
    return [(start, end, int(labels[start])) for start, end in zip(edges, edges[1:])]


def write_labels(folder, name, labels, number, table):
    """Write a video's labels in one of five forms; of the first two as rows of the table of all."""
    if number % 5 == 0:
        table += ["%s.mp4,%d,%d" % (name, i, label) for i, label in enumerate(labels)]
    elif number % 5 == 1:  # two raters, of whom the second is half a step higher
        rows = ["%d,%d,%g" % (i, label, min(5, label + 0.5)) for i, label in enumerate(labels)]
        (folder / (name + ".csv")).write_text("\n".join(["frame,label_a,label_b", *rows]))
    elif number % 5 == 2:
        rows = ["%.4f;%d" % (i / RATE, label) for i, label in enumerate(labels)]
        (folder / (name + ".csv")).write_text("\n".join(["time_s;label", *rows]).replace(".", ","))
    elif number % 5 == 3:
        eaf = Eaf()
        eaf.add_tier("pain")
        for start, end, label in intervals(labels):
            eaf.add_annotation("pain", round(1000 * start / RATE), round(1000 * end / RATE), str(label))
        eaf.to_file(str(folder / (name + ".eaf")))
    else:
        rows = ["%.3f,%s.mp4,pain %d,%s" % (frame / RATE, name, label, kind) for start, end, label in intervals(labels)
                for frame, kind in ((start, "START"), (end, "STOP"))]
        (folder / (name + "_boris.csv")).write_text("\n".join(["Time,Media file name,Behavior,Behavior type", *rows]))


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """The recordings, two of them broken and one there twice, and their labels."""
    root = tmp_path_factory.mktemp("own data")
    recordings, folder, face, number = root / "recordings", root / "labels", faces.Face(), 0
    recordings.mkdir()
    folder.mkdir()
    table = ["video,frame,label"]
    for k in range(1, SUBJECTS + 1):
        who = faces.subject(face, np.random.RandomState([9, k]))
        for take, pattern in enumerate(NAMES):
            name = pattern % k
            labels = draw(recordings / (name + ".mp4"), face, who, np.random.RandomState([9, k, take]), take == 0)
            write_labels(folder, name, labels, number, table)
            number += 1
    whole = (recordings / (NAMES[0] % 1 + ".mp4")).read_bytes()
    for name, content in ("sub-11_task-arm", whole[:1000]), ("sub-12_task-arm", b"no video"), ("sub-01_copy", whole):
        (recordings / (name + ".mp4")).write_bytes(content)
        table += ["%s,%d,0" % (name, i) for i in range(5)]
    (folder / "all others.csv").write_text("\n".join(table))
    return root


def tool(work, name, *arguments, status=0):
    done = run_tool(name, *arguments, cwd=str(work))
    assert done.returncode == status, done.stderr
    return done.stdout


@pytest.mark.full
def test_own_data_is_learned_from(work):
    said = tool(work, "import_videos.py", "labels", "--videos", "recordings", "--out", "data/mine", status=1)
    assert "10 subjects, 20 videos, 900 frames" in said and "sub-01_copy.mp4: the same file as" in said
    said = tool(work, "audit_dataset.py", "data/mine")
    assert said.splitlines()[-1] == "nothing is wrong"
    tool(work, "align_faces.py", "data/mine", "--jobs", 1)
    print(tool(work, "make_folds.py", "--folds", FOLDS))
    tool(work, "make_slim.py", "prototxt", "--divide", 16, "--batch", 16, "--solver", SOLVER)
    solver = "prototxt/solvers/%s.prototxt" % VARIANT
    caffe = "--caffe", ENGINE / "caffe"
    tool(work, "train.py", solver, *caffe, "--jobs", 2)
    tool(work, "predict.py", solver)
    tool(work, "osvr.py", "--loss", 2, "--jobs", 1)
    tool(work, "temporal.py", solver, *caffe, "--settings", "max_iter: 60")
    rows = [VARIANT, "osvr_l2", "temporal_lstm", "smoothed"]
    print(tool(work, "evaluate.py", *("models/" + row for row in rows), "--json", "scores.json"))
    folds = sorted(path.name for path in (work / "models" / VARIANT).iterdir())
    assert folds == ["%02d-of-%d" % (i, FOLDS) for i in range(1, FOLDS + 1)]
    for row in rows:  # each subject predicted once, by a net that has not seen it
        for fold in folds:
            left_out = json.loads((work / "data/folds" / fold / "fold.json").read_text())["left_out"]
            lines = (work / "models" / row / fold / "predictions.csv").read_text(encoding="utf-8").splitlines()[1:]
            assert {line.split(",")[0] for line in lines} == set(left_out) and len(lines) == 90 * len(left_out)
    data = read_origin(work / "models" / VARIANT / folds[0] / "predictions.csv").data
    assert learned_from(data) == "own data mine" and (data.subjects, data.frames) == (10, 900)
    assert data == Data("own", 10, 900, data.histogram, (folds[0],), "mine")
    figures = {row["name"]: row for row in json.loads((work / "scores.json").read_text())["rows"]}
    zeros, net = figures["all zeros"], next(row for name, row in figures.items() if "sampling" in name)
    assert all(net[metric] < zeros[metric] for metric in ("wmae", "wmse", "mse")) and net["pcc"] > 0.4
    tool(work, "report.py", "models/" + VARIANT, "--out", "report", "--draws", 50)
    page = (work / "report/report.html").read_text(encoding="utf-8")
    assert "own data mine" in page and "sub-10" in page
