"""The sweeps of `make transfer`: where the trunk starts, what is frozen, what is seeded, what is taught."""
import csv
import shutil
from unittest import mock

import caffe
import numpy as np
import pytest
from caffe.proto import caffe_pb2
from google.protobuf import text_format

import sweep as command
from pain.prototxts import make_slim
from pain.training import sweep
from pain.variants import METHOD
from support.caffe_runs import make_folds_of_noise
from support.predictions import refuses, write
from support.project import ENGINE, ROOT, run_here

pytest.importorskip("yaml")

SEEDS = 2


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Folds of noise, one of them alone, slim prototxts, and a trunk's random weights."""
    root = tmp_path_factory.mktemp("starts")
    make_folds_of_noise(root)
    shutil.copytree(str(root / "folds/01-001-aa001"), str(root / "one/01-001-aa001"))
    make_slim(root / "prototxt", 16, 12, "base_lr: 0.01 max_iter: 2 display: 1 average_loss: 1 snapshot: 2")
    net = caffe.Net(str(root / "prototxt/face_verification.prototxt"), caffe.TEST, stages=["deploy"])
    net.save(str(root / "face.caffemodel"))
    return root


def arguments(work, out, grid, *options):
    return [ROOT / "prototxt/sweeps" / ("%s.yaml" % grid), "--folds", work / "folds", "--prototxt", work / "prototxt",
            "--weights", work / "face.caffemodel", "--out", out, "--seeds", SEEDS, "--caffe", ENGINE / "caffe",
            "--jobs", 2, *options]


def run(work, out, grid, *options):
    process = run_here(command.main, *arguments(work, out, grid, *options))
    assert process.returncode == 0, process.stderr
    return process.stdout


def finetuned(work):
    """One start with both seeds, on the one fold."""
    (work / "finetuned.yaml").write_text("variants: [%s]\n" % METHOD.name)
    return run(work, work / "out", work / "finetuned", "--folds", work / "one")


@pytest.fixture(scope="module")
def done(work):
    """The folder of every start with one seed, on one fold, and of finetuned(), which says this."""
    run(work, work / "out", "starts", "--folds", work / "one", "--seeds", 1)
    return work / "out", finetuned(work)


def rows_of(path):
    """The rows of a table, by their first column."""
    with open(str(path)) as file:
        return {next(iter(row.values())): row for row in csv.DictReader(file)}


def weights(path):
    net = caffe_pb2.NetParameter.FromString(path.read_bytes())
    return {layer.name: [np.array(blob.data) for blob in layer.blobs] for layer in net.layer}


def models(out, start, seed=1):
    return sorted((out / start / ("seed-%d" % seed) / "models").glob("*/*/*.caffemodel"))


def test_what_is_learned(work, done):
    out, _ = done
    trunk = weights(work / "face.caffemodel")
    names = [name for name in trunk if name.startswith(("conv", "relu"))]
    assert len(names) == 54
    frozen, finetuned, scratch = (weights(models(out, start)[0]) for start in ("frozen", "finetuned", "scratch"))
    for name in names:
        assert all((a == b).all() for a, b in zip(frozen[name], trunk[name]))
    assert all((finetuned[name][0] != trunk[name][0]).any() for name in names if name.startswith("conv"))
    for name in "conv1a", "conv5_6":  # near where it began, or elsewhere
        change = [np.abs(net[name][0] - trunk[name][0]).max() for net in (finetuned, scratch)]
        assert change[0] < 0.3 * change[1]


def test_every_run_has_its_seed(done):
    out, _ = done
    starts = [weights(models(out, "finetuned", seed)[0])["ip1_res5"][0] for seed in (1, 2)]
    assert np.abs(starts[0] - starts[1]).max() > 0.01
    for seed in 1, 2:
        folder = out / "finetuned" / ("seed-%d" % seed) / "prototxt"
        solver = (folder / "solvers" / (METHOD.name + ".prototxt")).read_text()
        assert text_format.Merge(solver, caffe_pb2.SolverParameter()).random_seed == seed
        net = text_format.Merge((folder / "pain_regression.prototxt").read_text(), caffe_pb2.NetParameter())
        params = [layer.python_param.param_str for layer in net.layer if "seed" in layer.python_param.param_str]
        assert len(params) == 3 and all("'seed': %d" % seed in text for text in params)


def test_it_goes_on_where_it_was(work, done):
    out, text = done
    stamps = {path: path.stat().st_mtime_ns for path in out.rglob("*.caffemodel")}
    lost = models(out, "finetuned", 2)[0].parent
    for path in lost.glob("pain_iter_2.*"):
        path.unlink()
    assert finetuned(work).endswith(text[text.index("**"):])  # the same seed, the same figures
    again = {path for path in out.rglob("*.caffemodel") if path.stat().st_mtime_ns != stamps[path]}
    assert again == {lost / "pain_iter_2.caffemodel"}


def test_starts_and_variants_are_compared_and_one_is_taught_first(work, tmp_path):
    """None is trained; each predicts numbers of its own."""
    trained = []

    def predict(trainings, *_):
        for number, training in enumerate(trainings):
            write(training.folder / "predictions.csv", [(training.folder.name, "v", str(f), f % 6, (f + number) % 7)
                                                        for f in range(24)])

    with mock.patch.multiple(sweep, train=lambda trainings, *_: trained.append(trainings), predict_folds=predict):
        for grid in "starts", "variants":
            run(work, tmp_path, grid)
    assert list(rows_of(tmp_path / "starts.csv")) == [
        "from scratch", "trunk frozen", "fine-tuned", "all zeros", "all mean"]
    assert list(rows_of(tmp_path / "starts_differences.csv"))[:2] == [
        "from scratch - trunk frozen", "from scratch - fine-tuned"]
    starts, teaching, variants = trained
    assert len(starts) == 3 * 3 * SEEDS and len(teaching) == 3 * SEEDS and len(variants) == 8 * 3 * SEEDS
    assert [training.weights for training in starts[::6]] == [None] + 2 * [str(work / "face.caffemodel")]
    folders = {training.folder for training in variants}
    assert {training.folder for training in starts if "/finetuned/" in str(training.folder)} <= folders  # trained once
    assert [taught.weights.parent for taught in variants if taught.name == "facenet2expnet_style"] == [
        teacher.folder for teacher in teaching]
    names = list(rows_of(tmp_path / "variants.csv"))
    assert names[0] == METHOD.title and names[-3:] == ["FaceNet2ExpNet-style", "all zeros", "all mean"]
    solvers = {path.stem for path in (ROOT / "prototxt/solvers").glob("*.prototxt")
               if "/pain_regression.prototxt" in path.read_text()}
    assert {training.name for training in variants} == solvers | {"facenet2expnet_style"}


def test_errors(work, tmp_path):
    (tmp_path / "bad.caffemodel").write_text("not a caffemodel")
    for options, said in ((["--seeds", 0], "--seeds"), (["--folds", tmp_path / "none"], "none: no folds here"),
                          (["--prototxt", tmp_path], "%s: no solvers" % tmp_path),
                          (["--weights", tmp_path / "no.caffemodel"], "no.caffemodel: no such"),
                          (["--weights", tmp_path / "bad.caffemodel"], "bad.caffemodel: not a")):
        assert said in refuses(*arguments(work, tmp_path, "starts", *options), main=command.main)
    assert not list(tmp_path.rglob("pain_iter*"))
