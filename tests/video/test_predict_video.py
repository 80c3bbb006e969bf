"""predict_video from the command line: what comes out, going on after an interruption, and what it refuses."""
import json
import signal
import subprocess
import sys
from types import SimpleNamespace

import av
import numpy as np
import pytest
import skimage.io

import predict_video
from pain.datasets.synthetic import faces
from pain.notice import notice, short_notice
from pain.provenance import SYNTHETIC, Data, Origin, write_origin
from pain.video.curve import COLUMNS, FOUND, INTERPOLATED, NONE, no_face, read_curve
from support.caffe_runs import save_random_net, write_slim_nets
from support.processes import PATIENCE, started, wait_until
from support.project import ROOT, SHARED, assert_one_line_error, needs_shared, run_here, run_tool
from support.videos import write

FRAMES = 30
ORIGIN = Origin(Data(SYNTHETIC, 2, 60, (10,) * 6, ("01-a",)), "mse", 400)
COVERED, GONE = range(10, 13), range(25, FRAMES)


def predict(*args):
    """The tool in this process, where TensorFlow and PyTorch are loaded already."""
    return run_here(predict_video.main, *args)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A slim net with random weights, recorded as a synthetic one, in a folder with its prototxt above."""
    root = tmp_path_factory.mktemp("work")
    (root / "prototxt").mkdir()
    write_slim_nets(root / "prototxt")
    (root / "models").mkdir()
    model = root / "models" / "pain_iter_10.caffemodel"
    save_random_net(root / "prototxt", 1, model)
    write_origin(model, ORIGIN)
    return model


@pytest.fixture(scope="module")
def images():
    """A drawn face that grimaces; covered for a while, and gone at the end."""
    face = faces.Face()
    who = faces.subject(face, np.random.RandomState(1))
    drawn = []
    for i in range(FRAMES):
        units = {unit: highest * np.sin(np.pi * i / FRAMES) for unit, highest in faces.HIGHEST.items()}
        image = np.round(255 * faces.render(face, who, units, faces.Pose(i / 3, 0, 0, 1)))
        drawn.append((image * (i not in COVERED and i not in GONE)).astype(np.uint8))
    return drawn


@pytest.fixture(scope="module")
def video(images, tmp_path_factory):
    return write(tmp_path_factory.mktemp("videos") / "visit.mkv", images, "ffv1", "bgr0")


@pytest.fixture(scope="module")
def made(video, model, tmp_path_factory):
    """The folder of a run with all outputs, and what the run printed."""
    out = tmp_path_factory.mktemp("made") / "out"
    (out.parent / "labels.csv").write_text("frame,label\n" + "".join("%d,%d\n" % (i, i % 6) for i in range(0, 30, 2)))
    process = predict(video, "--model", model, "--out", out, "--annotate", "--smooth", "gaussian:0.1", "--labels",
                      out.parent / "labels.csv")
    assert process.returncode == 0, process.stderr
    return out, process.stdout


def about_of(out):
    return json.loads((out / "curve.about.json").read_text())


def test_the_curve(made):
    out, said = made
    text = (out / "curve.csv").read_text()
    assert text.startswith(",".join(COLUMNS) + "\n" + str(about_of(out)["about"]["source"]))
    assert text.count(short_notice(ORIGIN)) == FRAMES and about_of(out)["notice"] == notice(ORIGIN)
    about, rows = read_curve(out / "curve.csv")
    assert about["source"].endswith("visit.mkv") and (about["width"], about["height"]) == (320, 240)
    assert [row.frame for row in rows] == list(range(FRAMES))
    assert [row.face for row in rows] == [INTERPOLATED if i in COVERED else NONE if i in GONE else FOUND
                                          for i in range(FRAMES)]
    assert all(0 < row.intensity < 5 and 0 < row.smoothed < 5 for row in rows[:10])
    assert "nets: mse, fold 01-a, 400 iterations; learned from synthetic faces, drawn by a program" in said
    assert "  " + notice(ORIGIN) + "\n" in said and "patients" not in said + text
    assert "30 frames" in said and "22 found, 3 interpolated, 5 none" in said and "with the labels" in said


def test_the_other_outputs(made):
    out, _ = made
    found = json.loads((out / "curve.json").read_text())
    _, rows = read_curve(out / "curve.csv")
    assert found["notice"] == notice(ORIGIN) and [row["intensity"] for row in found["curve"]] == [
        None if np.isnan(row.intensity) else row.intensity for row in rows]
    assert found["smoothing"] == {"kind": "gaussian", "seconds": 0.1}
    smoothed = np.array([row.smoothed for row in rows])
    assert found["summary"]["people"][0]["peak"]["intensity"] == pytest.approx(np.nanmax(smoothed))
    assert found["summary"]["agreement"]["frames"] == sum(not np.isnan(row.intensity) for row in rows[::2])
    assert skimage.io.imread(str(out / "curve.png")).std() > 10
    with av.open(str(out / "annotated.mp4")) as file:
        assert sum(1 for _ in file.decode(video=0)) == FRAMES


def test_a_folder_of_frames_gives_the_same_curve(images, made, model, tmp_path):
    (tmp_path / "frames").mkdir()
    for i, image in enumerate(images):
        skimage.io.imsave(str(tmp_path / "frames" / ("%d.png" % i)), image, check_contrast=False)
    process = predict(tmp_path / "frames", "--model", model, "--out", tmp_path / "out")
    assert process.returncode == 0, process.stderr
    for ours, theirs in zip(read_curve(tmp_path / "out" / "curve.csv")[1], read_curve(made[0] / "curve.csv")[1]):
        np.testing.assert_allclose(ours.intensity, theirs.intensity, atol=1e-5)


def test_an_image_that_cannot_be_read_does_not_end_it(images, made, model, tmp_path):
    (tmp_path / "frames").mkdir()
    for i, image in enumerate(images):
        skimage.io.imsave(str(tmp_path / "frames" / ("%d.png" % i)), image, check_contrast=False)
    for name in "2.png", "._2.png":
        (tmp_path / "frames" / name).write_bytes(b"no image")
    process = predict(tmp_path / "frames", "--model", model, "--out", tmp_path / "out")
    assert_one_line_error(process, "frames: 1 of %d images could not be read (2.png); the curve is of what" % FRAMES)
    ours, theirs = (read_curve(folder / "curve.csv")[1] for folder in (tmp_path / "out", made[0]))
    assert len(ours) == len(theirs) and ours[2].face == INTERPOLATED and (tmp_path / "out" / "curve.json").exists()
    for row, same in zip(ours[3:], theirs[3:]):
        np.testing.assert_allclose(row.intensity, same.intensity, atol=1e-5)


def test_a_pipe_gives_the_same_curve(video, made, model, tmp_path):
    with video.open("rb") as file:
        process = run_tool("predict_video.py", "-", "--model", model, "--out", tmp_path, stdin=file)
    assert process.returncode == 0, process.stderr
    for ours, theirs in zip(read_curve(tmp_path / "curve.csv")[1], read_curve(made[0] / "curve.csv")[1]):
        np.testing.assert_allclose(ours.intensity, theirs.intensity, atol=1e-5)


def test_interrupted_and_resumed_it_is_the_same(images, model, tmp_path, usual_signals):
    long = write(tmp_path / "long.mkv", images * 4, "ffv1", "bgr0")
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert predict(long, "--model", model, "--out", whole).returncode == 0
    with started(sys.executable, ROOT / "tools" / "predict_video.py", long, "--model", model, "--out", out,
                 stderr=subprocess.PIPE) as process:
        wait_until(lambda: (out / "curve.csv").exists() and (out / "curve.csv").stat().st_size > 1500)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)
    lines = [line for line in said.split("\n") if line and "%|" not in line]
    assert process.returncode == 130 and len(lines) == 1 and "--resume goes on" in lines[0], said
    partial = read_curve(out / "curve.csv")[1]
    assert 0 < len(partial) < 4 * FRAMES and not (out / "curve.json").exists()
    assert predict(long, "--model", model, "--out", out, "--resume").returncode == 0
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in whole.iterdir())
    for name in "curve.csv", "curve.about.json", "curve.json":
        assert (out / name).read_bytes() == (whole / name).read_bytes()


def test_the_rate_is_of_what_was_computed(video, model, tmp_path, monkeypatch):
    """By a clock of its own: two seconds a frame, three to pass one over."""
    now = [0.]

    class Slow:
        def run(self, frames, earlier, next_frame, live):
            for frame in frames:
                now[0] += 3 if frame.number < next_frame else 2
                yield frame, [no_face(frame.number, frame.time, 1)]

    monkeypatch.setattr(predict_video, "load_estimator", lambda *_: Slow())
    monkeypatch.setattr(predict_video, "time", SimpleNamespace(monotonic=lambda: now[0]))
    command = video, "--model", model, "--out", tmp_path
    assert "curve.csv: 30 frames, 0.5 a second; " in predict(*command).stdout and now[0] == 60
    lines = (tmp_path / "curve.csv").read_text().splitlines(keepends=True)
    (tmp_path / "curve.csv").write_text("".join(lines[:1 + 21]))
    assert "curve.csv: 30 frames, 0.5 a second; " in predict(*command, "--resume").stdout
    assert now[0] == 60 + 3 * 20 + 2 * 10
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert_one_line_error(predict(*command), "curve.csv: is there already", "--resume", "--overwrite")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before and now[0] == 60 + 3 * 20 + 2 * 10
    assert "curve.csv: 30 frames, 0.5 a second; " in predict(*command, "--overwrite").stdout
    (tmp_path / "curve.csv").unlink()
    assert_one_line_error(predict(*command), "curve.json: is there already")


def test_resuming_something_else_is_refused(made, images, model, tmp_path):
    other = write(tmp_path / "other.mkv", images[:3], "ffv1", "bgr0")
    assert_one_line_error(predict(other, "--model", model, "--out", made[0], "--resume"),
                          "curve.csv: cannot go on", "source", "--overwrite")
    assert (made[0] / "curve.json").exists() and (made[0] / "annotated.mp4").exists()  # what was there stays


def test_resuming_what_has_not_begun_begins(video, made, model, tmp_path):
    (tmp_path / "curve.csv").touch()  # all that was there when it was killed
    assert predict(video, "--model", model, "--out", tmp_path, "--resume", "--smooth", "gaussian:0.1").returncode == 0
    assert (tmp_path / "curve.csv").read_bytes() == (made[0] / "curve.csv").read_bytes()


@pytest.mark.parametrize("args, parts", [
    (["none.mp4"], ["none.mp4: no such file"]),
    (["text.mp4"], ["text.mp4: not a video"]),
    (["empty.mp4"], ["empty.mp4: not a video"]),
    (["void"], ["void: no images"]),
    (["VIDEO", "VIDEO", "--resume"], ["--resume is for one video"]),
    (["77"], ["camera 77"]),
    (["--camera", "77"], ["camera 77"]),
    (["VIDEO", "--camera", "0"], ["name one video, or a --camera"]),
    ([], ["name one video, or a --camera"]),
    (["VIDEO", "--stream", "7"], ["visit.mkv: --stream 7 is no video"]),
    (["VIDEO", "--resume", "--overwrite"], ["--overwrite: not allowed with"]),
    (["VIDEO", "--model", "none"], ["none: no caffemodel"]),
    (["VIDEO", "--model", "text.mp4"], ["text.mp4: not a caffemodel"]),
    (["VIDEO", "--net", "none.prototxt"], ["none.prototxt: no such net"]),
    (["VIDEO", "--smooth", "mean:3"], ["--smooth mean:3", "gaussian"]),
    (["VIDEO", "--smooth", "gaussian:-1"], ["--smooth"]),
    (["VIDEO", "--min-face", "0"], ["--min-face 0"]),
    (["VIDEO", "--gap", "-1"], ["--gap -1"]),
    (["VIDEO", "--rate", "0"], ["--rate 0"]),
    (["VIDEO", "--threshold", "9"], ["--threshold"]),
    (["VIDEO", "--labels", "text.mp4"], ["text.mp4: no column label"]),
    (["VIDEO", "--calibration", "none"], ["none"]),
    (["VIDEO", "--out", "text.mp4"], ["text.mp4"]),
])
def test_what_is_wrong_is_one_line(args, parts, video, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.mp4").write_text("no video\nat all\n")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "void").mkdir()
    args = [str(video) if arg == "VIDEO" else arg for arg in args]
    if "--model" not in args:
        args += ["--model", str(model)]
    if "--out" not in args:
        args += ["--out", "out"]
    assert_one_line_error(predict(*args), *parts)
    assert not (tmp_path / "out" / "curve.json").exists()


def test_a_cut_video_gives_what_could_be_read(images, model, tmp_path):
    whole = write(tmp_path / "whole.mp4", images * 6, movflags="faststart").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[:len(whole) * 2 // 3])
    process = predict(tmp_path / "cut.mp4", "--model", model, "--out", tmp_path / "out")
    assert_one_line_error(process, "cut.mp4: damaged", "what could be read")
    assert 0 < len(read_curve(tmp_path / "out" / "curve.csv")[1]) < 180


def test_turned_people_are_told(capsys):
    turned = [dict(degrees=degrees, from_s=10. * i, frames=250) for i, degrees in enumerate((0, 90, 180, 0))]
    predict_video.report("curve.csv", [], {"frames": 0, "people": [], "turned": turned}, None, 0.02)
    assert ("people are turned, clockwise, by 0 degrees from 0.0 s on, by 90 degrees from 10.0 s on, by 180 degrees "
            "from 20.0 s on, ...; their faces were righted\n") in capsys.readouterr().out
    predict_video.report("curve.csv", [], {"frames": 0, "people": [], "turned": turned[:1]}, None, 0.02)
    assert "turned" not in capsys.readouterr().out


@pytest.mark.parametrize("found, min_face, hint", [
    (4, 0.2, "a face in 4 of 10 frames; smaller ones than 20 % of the image's height were not looked for"),
    (5, 0.2, ""), (0, 0.03, "--min-face 0.02 "), (0, 0.02, "")])
def test_small_faces_are_hinted_at(capsys, found, min_face, hint):
    row = no_face(0, 0, 1)
    rows = [row._replace(frame=i, face=FOUND if i < found else NONE) for i in range(10)]
    predict_video.report("curve.csv", rows, {"frames": 10, "people": []}, None, min_face)
    said = capsys.readouterr().out
    assert hint in said and bool(hint) == ("--min-face" in said)


@needs_shared
def test_a_video_of_no_faces_is_a_curve_of_none(model, tmp_path):
    process = predict(SHARED / "video" / "no_face.mp4", "--model", model, "--out", tmp_path, "--annotate")
    assert process.returncode == 0 and "95 none" in process.stdout, process.stderr
    assert "a face in 0 of 95 frames; smaller ones than 20 % of the image's height" in process.stdout
    assert "--min-face 0.1 " in process.stdout
    assert all(row.face == NONE and np.isnan(row.intensity) for row in read_curve(tmp_path / "curve.csv")[1])
    assert json.loads((tmp_path / "curve.json").read_text())["summary"]["frames_without_anyone"] == 95
