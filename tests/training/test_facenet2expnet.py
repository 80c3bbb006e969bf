"""FaceNet2ExpNet-style: what stage 1 learns from whom, that stage 2 begins there, and both on genuine Caffe."""
import os

import caffe
import numpy as np
import pytest
from caffe.proto import caffe_pb2

import facenet2expnet
from pain.prototxts import make_slim
from pain.training.predictions import working_directory
from support.caffe_runs import make_folds_of_noise
from support.predictions import refuses
from support.project import BVLC, ENGINE, needs_bvlc, run_tool

FOLD = "01-001-aa001"


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Folds of noise, slim prototxts, and a face net's random weights."""
    root = tmp_path_factory.mktemp("facenet2expnet")
    make_folds_of_noise(root)
    make_slim(root / "prototxt", 16, 12, "base_lr: 0.01 max_iter: 2 display: 1 average_loss: 1 snapshot: 2")
    caffe.Net(str(root / "prototxt/face_verification.prototxt"), caffe.TEST, stages=["deploy"]).save(
        str(root / "face.caffemodel"))
    return root


def arguments(work, models, caffe_folder, *more):
    return ["--weights", work / "face.caffemodel", "--prototxt", work / "prototxt", "--folds", work / "folds",
            "--models", work / models, "--fold", 1, "--caffe", caffe_folder / "caffe", *more]


def run(work, models, caffe_folder):
    return run_tool("facenet2expnet.py", *arguments(work, models, caffe_folder), python=caffe_folder / "python")


def weights(path):
    net = caffe_pb2.NetParameter.FromString(path.read_bytes())
    return {layer.name: np.array(layer.blobs[0].data) for layer in net.layer if layer.blobs}


def check_stages(work, models):
    face = weights(work / "face.caffemodel")
    first, second = (weights(work / models / name / FOLD / "pain_iter_2.caffemodel")
                     for name in ("facenet2expnet_features", "facenet2expnet_style"))
    assert all((first[name] == face[name]).all() for name in face if name in first) and "conv5_6" in first
    assert not any(name.startswith("conv") for name in second)
    for name in "exp1", "exp4":
        moved = np.abs(second[name] - first[name]).max()
        assert 0 < moved < 0.2 * np.abs(first[name]).max()  # 2 steps away from where stage 1 has ended
    lines = (work / models / "facenet2expnet_style" / FOLD / "predictions.csv").read_text().splitlines()
    assert len(lines) == 1 + 48 and all(0 <= float(line.split(",")[4]) <= 5 for line in lines[1:])


def test_both_stages(work):
    process = run(work, "models", ENGINE)
    assert process.returncode == 0, process.stderr
    check_stages(work, "models")
    stamps = {path: path.stat().st_mtime_ns for path in (work / "models").rglob("*.caffemodel")}
    process = run(work, "models", ENGINE)
    assert process.returncode == 0 and all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())


@pytest.mark.full
@needs_bvlc
def test_both_stages_on_genuine_caffe(work):
    process = run(work, "bvlc", BVLC)
    assert process.returncode == 0, process.stderr
    check_stages(work, "bvlc")


@pytest.mark.parametrize("power", [1, 2])
def test_the_loss_of_stage_1(work, power):
    """The mean of |g - G|^p; a step down its gradient brings g nearer to G, which stays."""
    with working_directory(work / "folds" / FOLD):
        net = caffe.Net(os.path.relpath(str(work / "prototxt/facenet2expnet_features.prototxt")), caffe.TRAIN,
                        stages=["p%d" % power])
    net.copy_from(str(work / "face.caffemodel"))
    loss = float(net.forward()["feature_loss"])
    maps = {name: net.blobs[name].data.astype(float) for name in ("exp6", "res5_6")}
    assert maps["exp6"].shape == maps["res5_6"].shape == (12, 32, 5, 4)
    error = maps["exp6"] - maps["res5_6"]
    assert loss == pytest.approx((np.abs(error) ** power).mean(), rel=1e-4)
    net.backward()
    slope = {1: np.sign(error), 2: 2 * error}[power] / error.size
    np.testing.assert_allclose(net.blobs["exp6"].diff, slope, rtol=1e-3, atol=1e-9)
    assert not any(blob.diff.any() for name in net.params if name.startswith("conv") for blob in net.params[name])


def test_what_can_be_wrong(work, tmp_path):
    other = caffe_pb2.NetParameter(name="x")
    other.layer.add(name="other", type="InnerProduct").blobs.add().data.extend([1.0])
    (tmp_path / "other.caffemodel").write_bytes(other.SerializeToString())
    for options, said in ((["--weights", tmp_path / "other.caffemodel"], "fills no layer"),
                          (["--weights", tmp_path / "none.caffemodel"], "none.caffemodel"),
                          (["--prototxt", tmp_path], "no such solver"), (["--jobs", "0"], "--jobs takes auto, or 1")):
        assert said in refuses(*arguments(work, "wrong", ENGINE, *options), main=facenet2expnet.main)
