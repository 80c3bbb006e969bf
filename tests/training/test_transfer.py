"""The experiment of where the trunk starts: what is frozen, what is seeded, intervals over subjects and seeds."""
import csv
import shutil

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
    """One of the folds of noise, slim prototxts, and a trunk's random weights."""
    root = tmp_path_factory.mktemp("transfer")
    make_folds_of_noise(root)
    for fold in "02-002-bb002", "03-003-cc003":
        shutil.rmtree(str(root / "folds" / fold))
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
    process = run(work, work / "out", "--starts-only")
    assert process.returncode == 0, process.stderr
    return work / "out", process.stdout


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


def test_the_tables_are_those_of_evaluate(work, done):
    """A start's figures are the means of what tools/evaluate.py says of its seeds."""
    out, text = done
    with open(str(out / "starts.csv")) as file:
        rows = {row["starts"]: row for row in csv.DictReader(file)}
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
    with open(str(out / "differences.csv")) as file:
        pairs = {row["pair"]: row for row in csv.DictReader(file)}
    assert list(pairs) == ["trunk frozen - from scratch", "fine-tuned - from scratch", "fine-tuned - trunk frozen"]
    for name in "mae", "wmse":
        assert float(pairs["fine-tuned - from scratch"][name]) == pytest.approx(
            float(rows["fine-tuned"][name]) - float(rows["from scratch"][name]), abs=1e-9)
    assert "| fine-tuned - from scratch |" in text and "1 subjects and 2 seeds, 2 iterations" in text


def test_it_goes_on_where_it_was(work, done):
    out, text = done
    stamps = {path: path.stat().st_mtime_ns for path in out.rglob("*.caffemodel")}
    lost = models(out, "scratch", 2)[0].parent
    for path in lost.glob("pain_iter_2.*"):
        path.unlink()
    process = run(work, out, "--starts-only")
    assert process.returncode == 0, process.stderr
    assert process.stdout == text[text.index("**"):]  # the same seed, the same figures
    again = {path for path in out.rglob("*.caffemodel") if path.stat().st_mtime_ns != stamps[path]}
    assert again == {lost / "pain_iter_2.caffemodel"}


def test_variants_are_compared_with_the_method(work, tmp_path, monkeypatch):
    """Whatever they learn: here nothing, and each predicts a number of its own."""
    def predict(training):
        training.folder.mkdir(parents=True)
        number = len(list(tmp_path.rglob("predictions.csv")))
        write(training.folder / "predictions.csv", [("a", "v", str(f), f % 6, number / 5) for f in range(12)])

    monkeypatch.setattr(transfer, "train", lambda *_: None)
    monkeypatch.setattr(transfer, "predict_fold", predict)
    tables = transfer.transfer([work / "folds/01-001-aa001"], work / "prototxt", work / "face.caffemodel", tmp_path, 1)
    assert all(table.note.endswith(" Trained and tested on data of unknown origin.") for table in tables)
    starts, variants, differences = tables
    assert len(variants.rows) == 7 + 1 + 1 and len(starts.rows) == 4
    names = [row[0] for row in variants.rows]
    assert names[0] == "smooth l1 + l1 center loss + sampling" and names[-2:] == ["FaceNet2ExpNet-style", "all zeros"]
    assert len(differences.rows) == 3 + 7
    assert all(row[0].endswith(" - smooth l1 + l1 center loss + sampling") for row in differences.rows[3:])


def test_errors(work, tmp_path):
    (tmp_path / "bad.caffemodel").write_text("not a caffemodel")
    for options, said in ((["--seeds", 0], "--seeds"), (["--folds", tmp_path / "none"], "none: no folds here"),
                          (["--prototxt", tmp_path], "%s: no solvers" % tmp_path),
                          (["--weights", tmp_path / "no.caffemodel"], "no.caffemodel: no such"),
                          (["--weights", tmp_path / "bad.caffemodel"], "bad.caffemodel: not a")):
        assert said in refuses(*arguments(work, tmp_path, *options), main=command.main)
    assert not list(tmp_path.rglob("pain_iter*"))
