"""The experiment of where the trunk starts: what is frozen, what is seeded, intervals over subjects and seeds."""
import csv
import shutil
from unittest import mock

import caffe
import numpy as np
import pytest
from caffe.proto import caffe_pb2
from google.protobuf import text_format

import evaluate
import transfer as command
from pain.prototxts import make_slim
from pain.training import transfer
from pain.variants import METHOD
from support.caffe_runs import make_folds_of_noise
from support.predictions import refuses, write
from support.project import ENGINE, run_here

SEEDS = 2


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Folds of noise, one of them alone, slim prototxts, and a trunk's random weights."""
    root = tmp_path_factory.mktemp("transfer")
    make_folds_of_noise(root)
    shutil.copytree(str(root / "folds/01-001-aa001"), str(root / "one/01-001-aa001"))
    make_slim(root / "prototxt", 16, 12, "base_lr: 0.01 max_iter: 2 display: 1 average_loss: 1 snapshot: 2")
    net = caffe.Net(str(root / "prototxt/face_verification.prototxt"), caffe.TEST, stages=["deploy"])
    net.save(str(root / "face.caffemodel"))
    return root


def arguments(work, out, *options):
    return ["--folds", work / "folds", "--prototxt", work / "prototxt", "--weights", work / "face.caffemodel", "--out",
            out, "--seeds", SEEDS, "--caffe", ENGINE / "caffe", "--jobs", 2, *options]


def run(work, out, *options):
    return run_here(command.main, *arguments(work, out, *options))


@pytest.fixture(scope="module")
def done(work):
    """The folder and the words of trainings on the one fold."""
    process = run(work, work / "out", "--starts-only", "--folds", work / "one")
    assert process.returncode == 0, process.stderr
    return work / "out", process.stdout


@pytest.fixture(scope="module")
def pretended(work, tmp_path_factory):
    """Those of all trainings on all folds, of which none was made: each predicts numbers of its own."""
    out = tmp_path_factory.mktemp("pretended")

    def predict(trainings, *_):
        for number, training in enumerate(trainings):
            write(training.folder / "predictions.csv", [(training.folder.name, "v", str(f), f % 6, (f + number) % 7)
                                                        for f in range(24)])

    with mock.patch.multiple(transfer, train=lambda *_: None, predict_folds=predict):
        process = run(work, out)
    assert process.returncode == 0, process.stderr
    return out, process.stdout


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
        folder = out / "scratch" / ("seed-%d" % seed) / "prototxt"
        solver = (folder / "solvers" / (METHOD.name + ".prototxt")).read_text()
        assert text_format.Merge(solver, caffe_pb2.SolverParameter()).random_seed == seed
        net = text_format.Merge((folder / "pain_regression.prototxt").read_text(), caffe_pb2.NetParameter())
        params = [layer.python_param.param_str for layer in net.layer if "seed" in layer.python_param.param_str]
        assert len(params) == 3 and all("'seed': %d" % seed in text for text in params)


def test_the_tables_are_those_of_evaluate(pretended):
    """A start's figures are the means of what tools/evaluate.py says of its seeds."""
    out, text = pretended
    rows, pairs = rows_of(out / "starts.csv"), rows_of(out / "differences.csv")
    assert list(rows) == ["from scratch", "trunk frozen", "fine-tuned", "all zeros"]
    paths = [out / "frozen" / ("seed-%d" % seed) / "models" for seed in (1, 2)]
    process = run_here(evaluate.main, *paths, "--csv", out / "evaluate.csv")
    assert process.returncode == 0, process.stderr
    with open(str(out / "evaluate.csv")) as file:
        measured = list(csv.DictReader(file))
    for name in "mae", "mse", "wmae", "wmse":
        mean = np.mean([float(row[name]) for row in measured[:2]])
        assert float(rows["trunk frozen"][name]) == pytest.approx(mean, rel=1e-9)
        assert float(rows["all zeros"][name]) == pytest.approx(float(measured[2][name]), rel=1e-9)
        assert float(rows["trunk frozen"][name + "_low"]) <= mean <= float(rows["trunk frozen"][name + "_high"])
    assert list(pairs)[:3] == ["trunk frozen - from scratch", "fine-tuned - from scratch", "fine-tuned - trunk frozen"]
    for name in "mae", "wmse":
        assert float(pairs["fine-tuned - from scratch"][name]) == pytest.approx(
            float(rows["fine-tuned"][name]) - float(rows["from scratch"][name]), abs=1e-9)
    assert "| fine-tuned - from scratch |" in text and "3 subjects and 2 seeds, 2 iterations" in text


def test_it_goes_on_where_it_was(work, done):
    out, text = done
    stamps = {path: path.stat().st_mtime_ns for path in out.rglob("*.caffemodel")}
    lost = models(out, "scratch", 2)[0].parent
    for path in lost.glob("pain_iter_2.*"):
        path.unlink()
    process = run(work, out, "--starts-only", "--folds", work / "one")
    assert process.returncode == 0, process.stderr
    assert process.stdout == text[text.index("**"):]  # the same seed, the same figures
    again = {path for path in out.rglob("*.caffemodel") if path.stat().st_mtime_ns != stamps[path]}
    assert again == {lost / "pain_iter_2.caffemodel"}


def test_variants_are_compared_with_the_method(pretended):
    out, text = pretended
    names, pairs = list(rows_of(out / "variants.csv")), list(rows_of(out / "differences.csv"))
    assert names[0] == METHOD.title and names[-2:] == ["FaceNet2ExpNet-style", "all zeros"]
    assert len(names) == 7 + 1 + 1 and len(pairs) == 3 + 7
    assert all(name.endswith(" - " + METHOD.title) for name in pairs[3:])
    assert text.count(" Trained and tested on data of unknown origin.") == 3


def test_errors(work, tmp_path):
    (tmp_path / "bad.caffemodel").write_text("not a caffemodel")
    for options, said in ((["--seeds", 0], "--seeds"), (["--folds", tmp_path / "none"], "none: no folds here"),
                          (["--prototxt", tmp_path], "%s: no solvers" % tmp_path),
                          (["--weights", tmp_path / "no.caffemodel"], "no.caffemodel: no such"),
                          (["--weights", tmp_path / "bad.caffemodel"], "bad.caffemodel: not a")):
        assert said in refuses(*arguments(work, tmp_path, *options), main=command.main)
    assert not list(tmp_path.rglob("pain_iter*"))
