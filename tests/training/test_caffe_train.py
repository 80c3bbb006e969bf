"""Training and prediction with `caffe train`, on noise in the real format: every variant, resuming, errors.

All of it with the engine, and with genuine Caffe where it is at hand.
"""
import datetime
import os
import re
import shlex
import shutil
import signal
import subprocess

import numpy as np
import pytest
from caffe.proto import caffe_pb2

import evaluate
import predict as predict_command
import train as train_command
from pain import files, variants
from pain.provenance import OWN, SYNTHETIC, UNKNOWN, Data, Origin, Start, read_origin, write_origin
from pain.training.caffe_train import command_words
from support.caffe_runs import make_folds_of_noise, save_random_net
from support.predictions import refuses
from support.processes import PATIENCE, is_running, started, wait_until
from support.project import BVLC, ENGINE, ROOT, assert_one_line_error, needs_bvlc, run_here, run_tool

VARIANTS = [variant.name for variant in variants.VARIANTS if variant.solver]
SOLVER = "base_lr: 0.01 max_iter: 6 display: 1 average_loss: 1 snapshot: 2"


@pytest.fixture(scope="module", autouse=True, ids=["engine", "bvlc"],
                params=[ENGINE, pytest.param(BVLC, marks=needs_bvlc)])
def provider(request):
    """The Caffe that `train` and `predict` run: the folder with its caffe and python."""
    global PYTHON, CAFFE
    PYTHON, CAFFE = request.param / "python", request.param / "caffe"


# What our own code does, whichever Caffe it is.
ENGINE_ALONE = pytest.mark.parametrize("provider", [ENGINE], ids=["engine"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def folds(tmp_path_factory):
    return make_folds_of_noise(tmp_path_factory.mktemp("training"), PYTHON)


@pytest.fixture(scope="module")
def slim_prototxt(tmp_path_factory):
    return make_slim(tmp_path_factory.mktemp("slim"), 16)


def make_slim(work, divide):
    """Write slim prototxts to `work`/prototxt. Returns that folder."""
    process = run_tool("make_slim.py", work / "prototxt", "--divide", divide, "--batch", 12, "--solver", SOLVER,
                       python=PYTHON)
    assert process.returncode == 0, process.stderr
    return work / "prototxt"


@pytest.fixture
def work(slim_prototxt, tmp_path):
    """A folder with slim prototxts of its own."""
    shutil.copytree(str(slim_prototxt), str(tmp_path / "prototxt"))
    return tmp_path


def train(work, folds, variant="smooth_l1", fold=1, *options):
    return run_tool("train.py", work / "prototxt" / "solvers" / (variant + ".prototxt"), "--folds", folds, "--models",
                    work / "models", "--fold", fold, "--caffe", CAFFE, *options, python=PYTHON)


def predict(work, folds, variant="smooth_l1", fold=1):
    arguments = (work / "prototxt" / "solvers" / (variant + ".prototxt"), "--folds", folds, "--models",
                 work / "models", "--fold", fold)
    return run_here(predict_command.main, *arguments) if PYTHON.parent == ENGINE else run_tool(
        "predict.py", *arguments, python=PYTHON)


def blobs(caffemodel):
    """The caffemodel's blobs: layer name -> list of arrays."""
    net = caffe_pb2.NetParameter.FromString(caffemodel.read_bytes())
    return {"%s/%d" % (layer.name, i): np.array(blob.data, np.float32)
            for layer in net.layer for i, blob in enumerate(layer.blobs)}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_trains_and_predicts(variant, folds, work):
    if PYTHON.parent == BVLC and variant not in ("smooth_l1_center_l1_sampling", "rcr_style"):
        pytest.skip("one variant of a net is enough of genuine Caffe here; `make test-full` trains all")
    process = train(work, folds, variant)
    assert process.returncode == 0, process.stderr
    folder = work / "models" / variant / "01-001-aa001"
    assert sorted(path.name for path in folder.iterdir()) == [
        "made_with.json", "pain_iter_6.caffemodel", "pain_iter_6.origin.json", "pain_iter_6.solverstate", "train.log",
        "train_lmdb", "val_lmdb"]
    log = (folder / "train.log").read_text()
    assert log.startswith("$ ") and "train -solver" in log.splitlines()[0]
    losses = [float(loss) for loss in re.findall(r"Iteration \d+ .*loss = (\S+)", log)]
    assert len(losses) == 6 and np.isfinite(losses).all()
    by = read_origin(folder / "pain_iter_6.caffemodel").caffe
    assert by.startswith("engine, PyTorch 2." if PYTHON.parent == ENGINE else "BVLC Caffe")

    process = predict(work, folds, variant)
    assert process.returncode == 0, process.stderr
    lines = (folder / "predictions.csv").read_text().splitlines()
    names = [line.split(" ") for line in (folds / "01-001-aa001" / "val.txt").read_text().splitlines()]
    assert lines[0] == "subject,video,frame,label,prediction"
    assert [line.split(",")[:4] for line in lines[1:]] == [[*name[:-4].split("/"), label] for name, label in names]
    predictions = [float(line.split(",")[4]) for line in lines[1:]]
    assert all(0 <= one <= 5 or variant == "rcr_style" and abs(one) < 50 for one in predictions)  # its output is linear


def test_centers_are_learned_by_the_solver(folds, work):
    # One SGD step by hand: v = lr (g + decay c), c = c - v, g being the center loss's gradient times 0.01.
    solver = work / "prototxt" / "solvers" / "smooth_l1_center_l1_sampling.prototxt"
    solver.write_text(solver.read_text().replace("max_iter: 6", "max_iter: 1").replace("snapshot: 2", "snapshot: 1"))
    assert train(work, folds, solver.stem).returncode == 0
    after = blobs(work / "models" / solver.stem / "01-001-aa001" / "pain_iter_1.caffemodel")["pain_center_l1/0"]
    limit = np.sqrt(3 / 50)
    before = np.random.RandomState(1).uniform(-limit, limit, (6, 50)).astype(np.float32).ravel()
    gradient = (before - after) / 0.01 - 2 * 0.0005 * before
    # 12 samples, 2 of each class: each moves its center's features by 0.01 / 12, up or down, or cancels.
    steps = gradient / (0.01 / 12)
    np.testing.assert_allclose(steps, np.round(steps), atol=0.02)
    assert set(np.round(steps).astype(int)) <= {-2, 0, 2} and (np.abs(steps) > 1.9).sum() > 100


def test_an_interrupted_fold_goes_on(folds, work, usual_signals):
    variant = "smooth_l1_center_l1_sampling"
    solver = work / "prototxt" / "solvers" / (variant + ".prototxt")
    solver.write_text(solver.read_text().replace("max_iter: 6", "max_iter: 4000").replace("snapshot: 2", ""))
    log = work / "models" / variant / "01-001-aa001" / "train.log"
    with started(PYTHON, ROOT / "tools" / "train.py", solver, "--folds", folds, "--models", work / "models", "--fold",
                 1, "--caffe", CAFFE, stderr=subprocess.PIPE) as process:
        wait_until(lambda: log.exists() and "Iteration 5 " in log.read_text())
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 130 and "Traceback" not in error, error
    states = list(log.parent.glob("*.solverstate"))
    assert len(states) == 1
    done = int(states[0].stem.rsplit("_", 1)[1])
    assert done >= 5 and blobs(states[0].with_suffix(".caffemodel"))["balanced_data/0"] == [done]

    # A half-written snapshot of a later iteration is not taken for one.
    for suffix in ".solverstate", ".caffemodel":
        (log.parent / ("pain_iter_%d%s" % (done + 1, suffix))).write_bytes(states[0].read_bytes()[:1000])
    solver.write_text(solver.read_text().replace("max_iter: 4000", "max_iter: %d" % (done + 4)))
    resumed = train(work, folds, variant)
    assert resumed.returncode == 0, resumed.stderr
    assert "Resuming from pain_iter_%d.solverstate" % done in log.read_text()
    final = log.parent / ("pain_iter_%d.caffemodel" % (done + 4))
    assert blobs(final)["balanced_data/0"] == [done + 4]  # no batch twice, none left out
    assert [path.name for path in log.parent.glob("*.caffemodel")] == [final.name]

    stamp = final.stat().st_mtime_ns
    assert train(work, folds, variant).returncode == 0 and final.stat().st_mtime_ns == stamp


@ENGINE_ALONE
def test_caffe_ends_with_train_py_and_never_are_there_two(folds, work):
    caffe = work / "caffe"
    caffe.write_text("#!/bin/sh\necho $$ >> pids\nsleep 600 &\nwait\n")
    caffe.chmod(0o755)
    command = (PYTHON, ROOT / "tools" / "train.py", work / "prototxt" / "solvers" / "mse.prototxt", "--folds", folds,
               "--models", work / "models", "--fold", 1, "--caffe", caffe)
    pids = work / "models" / "mse" / "01-001-aa001" / "pids"
    for count in 1, 2:
        with started(*command):  # and then kill -9
            wait_until(lambda count=count: pids.exists() and pids.read_text().count("\n") == count)
            first, *second = map(int, pids.read_text().split())
            assert is_running(second[0] if second else first) and not (second and is_running(first))
    wait_until(lambda: not is_running(second[0]))


def test_fine_tuning_starts_from_the_weights(folds, work):
    assert train(work, folds, "smooth_l1").returncode == 0
    start = work / "models" / "smooth_l1" / "01-001-aa001" / "pain_iter_6.caffemodel"
    solver = work / "prototxt" / "solvers" / "mse.prototxt"
    solver.write_text(solver.read_text().replace("base_lr: 0.01", "base_lr: 0"))
    process = train(work, folds, "mse", 2, "--weights", start)
    assert process.returncode == 0 and process.stdout == "pain_iter_6.caffemodel fills 57 of 57 layers\n"
    before, after = blobs(start), blobs(work / "models" / "mse" / "02-002-bb002" / "pain_iter_6.caffemodel")
    assert all((before[name] == after[name]).all() for name in before if not name.startswith("pain_center"))


# ---- where nets come from ----

def make_drawn(folds, kind=SYNTHETIC):
    """Say of the folds' frames that they are of this kind, and make the folds again: only their records change."""
    write_origin(folds.parent / "aligned" / "frames.csv", Origin(Data(kind)))
    process = run_tool("make_folds.py", "--aligned", folds.parent / "aligned", "--out", folds, python=PYTHON)
    assert process.returncode == 0 and "unknown origin" not in process.stdout, process.stdout
    return folds


@ENGINE_ALONE
def test_what_changed_since_a_training_is_noticed(folds, work):
    """Of solver, net and weights; what is only said of them may change, and a training may be made longer."""
    prototxt, variant = work / "prototxt", "smooth_l1"
    assert train(work, folds).returncode == 0
    folder = work / "models" / variant / "01-001-aa001"
    before = {path.name: path.read_bytes() for path in folder.glob("pain_iter_*")}
    solver = prototxt / "solvers" / (variant + ".prototxt")
    text = solver.read_text()
    solver.write_text("# a comment\n" + text.replace("display: 1", "display: 2"))
    assert train(work, folds).returncode == 0
    assert {path.name: path.read_bytes() for path in folder.glob("pain_iter_*")} == before
    solver.write_text(text.replace("base_lr: 0.01", "base_lr: 0.02"))
    assert_one_line_error(train(work, folds), folder, "was trained with another base_lr; remove the folder")
    solver.write_text(text.replace("max_iter: 6", "max_iter: 7"))
    assert train(work, folds).returncode == 0 and (folder / "pain_iter_7.caffemodel").exists()
    solver.write_text(text)
    assert_one_line_error(train(work, folds), folder, "another max_iter")
    solver.write_text(text.replace("max_iter: 6", "max_iter: 7"))
    net, weights = prototxt / "pain_regression.prototxt", folder / "pain_iter_7.caffemodel"
    net.write_text(net.read_text() + 'layer { name: "silence" type: "Silence" bottom: "label" }')
    assert_one_line_error(train(work, folds, variant, 1, "--weights", weights), folder, "another net, weights; remove")
    assert_one_line_error(train(work, folds, variant, 1, "--weights", work / "gone"), folder, "another net; remove")


@ENGINE_ALONE
@pytest.mark.parametrize("options", ["", " -bf16", " -gpu '0 1'"])
def test_a_caffe_in_a_folder_with_blanks(tmp_path, monkeypatch, options):
    program = tmp_path / "my work" / "it's here" / "caffe"
    program.parent.mkdir(parents=True)
    program.touch()
    rest = {"": [], " -bf16": ["-bf16"], " -gpu '0 1'": ["-gpu", "0 1"]}[options]
    monkeypatch.chdir(tmp_path)
    for given in program, shlex.quote(str(program)), "my work/it's here/caffe", shlex.quote("my work/it's here/caffe"):
        assert command_words("%s%s" % (given, options)) == [str(program), *rest]
    assert command_words("caffe" + options) == ["caffe", *rest]


@ENGINE_ALONE
def test_nets_say_where_they_come_from(folds, work):
    shutil.copytree(str(folds.parent), str(work / "drawn"))
    lmdb_file = work / "drawn" / "folds" / "01-001-aa001" / "train_lmdb" / "data.mdb"
    stamp = lmdb_file.stat().st_mtime_ns
    drawn = make_drawn(work / "drawn" / "folds")
    assert lmdb_file.stat().st_mtime_ns == stamp
    assert train(work, drawn, "mse").returncode == 0 and predict(work, drawn, "mse").returncode == 0
    folder = work / "models" / "mse" / "01-001-aa001"
    start = folder / "pain_iter_6.caffemodel"
    made = read_origin(start)
    data = Data(SYNTHETIC, 3, 144, (24,) * 6, ("01-001-aa001",))
    assert made == Origin(data, "mse", 6, None, made.caffe, datetime.date.today().isoformat())
    assert read_origin(folder / "predictions.csv") == made
    said = run_here(evaluate.main, work / "models" / "mse").stdout
    assert "nets of mse: mse, fold 01-001-aa001, 6 iterations; learned from synthetic faces, drawn by" in said

    # Fine-tuned from that on data of which nothing is known.
    assert train(work, folds, "smooth_l1", 2, "--weights", start).returncode == 0
    tuned = work / "models" / "smooth_l1" / "02-002-bb002" / "pain_iter_6.caffemodel"
    assert read_origin(tuned).data == Data(UNKNOWN, 3, 144, (24,) * 6, ("02-002-bb002",))
    assert read_origin(tuned).start == Start(start.name, files.sha256(start), SYNTHETIC)

    shutil.copy(str(start), str(tuned))  # in the place of the one that was trained
    assert read_origin(tuned) == Origin()
    (folder / "predictions.csv").write_text((folder / "predictions.csv").read_text() + "\n")
    assert read_origin(folder / "predictions.csv") == Origin()


@ENGINE_ALONE
def test_what_goes_on_from_something_unknown_is_unknown(folds, work):
    shutil.copytree(str(folds.parent), str(work / "drawn"))
    drawn = make_drawn(work / "drawn" / "folds")
    solver = work / "prototxt" / "solvers" / "mse.prototxt"

    def trained_on(folds, max_iter):
        solver.write_text(re.sub("max_iter: .", "max_iter: %d" % max_iter, solver.read_text()))
        assert train(work, folds, "mse").returncode == 0
        return read_origin(work / "models" / "mse" / "01-001-aa001" / ("pain_iter_%d.caffemodel" % max_iter))

    assert trained_on(drawn, 2).kind == SYNTHETIC and trained_on(drawn, 4).kind == SYNTHETIC
    records = work / "models" / "mse" / "01-001-aa001"
    assert [path.name for path in records.glob("*.origin.json")] == ["pain_iter_4.origin.json"]
    make_drawn(drawn, OWN)
    assert trained_on(drawn, 6).kind == UNKNOWN  # half on other data
    (records / "pain_iter_6.origin.json").unlink()
    went_on = trained_on(drawn, 8)  # from a snapshot that someone dropped in
    assert went_on.kind == UNKNOWN and went_on.training == "mse" and went_on.iterations == 8


# ---- what goes wrong ----

@ENGINE_ALONE
def test_errors_of_training(folds, work):
    def refused(*options, variant="smooth_l1"):
        solver = work / "prototxt" / "solvers" / (variant + ".prototxt")
        return refuses(solver, "--folds", folds, "--models", work / "models", *options, main=train_command.main)

    assert "nonsense.prototxt: no such solver" in refused(variant="nonsense")
    assert "make folds" in refused("--folds", work / "nowhere")
    assert "--fold 9: there are 01 to 03" in refused("--fold", 9)
    assert "--jobs" in refused("--jobs", 0)
    missing = work / "face.caffemodel"
    assert "%s: " % missing in refused("--weights", missing) and "models/README.md" in refused("--weights", missing)
    missing.write_text("not a caffemodel")
    assert "not a caffemodel" in refused("--weights", missing)
    (work / "prototxt/solvers/mse.prototxt").write_text("no_such_field: 1")
    assert "no_such_field" in refused(variant="mse")
    assert_one_line_error(train(work, folds, "smooth_l1", 1, "--caffe", "/nowhere/caffe"), "/nowhere/caffe")


def test_a_loss_that_is_no_number(folds, work):
    solver = work / "prototxt" / "solvers" / "smooth_l1.prototxt"
    solver.write_text(solver.read_text().replace("base_lr: 0.01", "base_lr: 1e30"))
    log = work / "models" / "smooth_l1" / "01-001-aa001" / "train.log"
    assert_one_line_error(train(work, folds), log, "loss is", "teration 1", "base_lr")


@ENGINE_ALONE
def test_weights_of_another_net(folds, work):
    assert train(work, folds).returncode == 0
    model = work / "models" / "smooth_l1" / "01-001-aa001" / "pain_iter_6.caffemodel"
    wide = work / "wide"
    make_slim(wide, 8)
    assert_one_line_error(train(wide, folds, "mse", 1, "--weights", model), model, "layer conv1a", "caffe would refuse")
    foreign = work / "foreign.caffemodel"
    net = caffe_pb2.NetParameter()
    net.layer.add(name="other").blobs.add(data=[1]).shape.dim.append(1)
    foreign.write_bytes(net.SerializeToString())
    assert_one_line_error(train(work, folds, "mse", 1, "--weights", foreign), foreign, "fills no layer", "other")

    # A snapshot that predict cannot use: of a net of another width.
    target = wide / "models" / "smooth_l1" / "01-001-aa001"
    target.mkdir(parents=True)
    for path in model.parent.glob("pain_iter_6.*"):
        shutil.copy(str(path), str(target))
    assert_one_line_error(predict(wide, folds), "pain_iter_6.caffemodel", "of another net", "conv1a")
    assert not list(wide.glob("**/predictions.csv"))


def test_errors_of_prediction(folds, work):
    assert_one_line_error(predict(work, folds), "no snapshot", "make train")
    snapshot = work / "models" / "smooth_l1" / "01-001-aa001" / "pain_iter_6.caffemodel"
    snapshot.parent.mkdir(parents=True)
    save_random_net(work / "prototxt", 1, snapshot)
    snapshot.with_suffix(".solverstate").write_bytes(caffe_pb2.SolverState(iter=6).SerializeToString())
    copy = work / "folds"
    shutil.copytree(str(folds), str(copy))
    damaged = copy / "01-001-aa001" / "val_lmdb" / "data.mdb"
    damaged.write_bytes((folds / "01-001-aa001" / "val_lmdb" / "data.mdb").read_bytes()[:100000])
    assert_one_line_error(predict(work, copy), damaged.parent, "damaged, cut short, or no LMDB")
    shutil.copy(str(folds / "02-002-bb002" / "train_lmdb" / "data.mdb"), str(damaged))
    assert_one_line_error(predict(work, copy), damaged.parent, "not the 48 frames of val.txt")


def test_a_damaged_or_unbalanced_train_lmdb(folds, work):
    variant = "smooth_l1_center_l1_sampling"
    copy = work / "folds"
    shutil.copytree(str(folds), str(copy))
    lmdb_file = copy / "01-001-aa001" / "train_lmdb" / "data.mdb"
    lmdb_file.write_bytes(b"no LMDB" * 3000)
    assert_one_line_error(train(work, copy, variant), "train.log", "BalancedDataLayer", "damaged")
    assert_one_line_error(train(work, copy, "mse"), "train.log", "mdb")
    lmdb_file.unlink()
    assert_one_line_error(train(work, copy, "mse"), lmdb_file.parent, "make folds")


@pytest.mark.full
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_full_trunk_trains_and_resumes(variant, folds, tmp_path):
    """Batch 64, 2 iterations, then one more from the snapshot: half a minute and 4 GB each."""
    shutil.copytree(str(ROOT / "prototxt"), str(tmp_path / "prototxt"))
    solver = tmp_path / "prototxt" / "solvers" / (variant + ".prototxt")
    settings = solver.read_text().replace("display: 20  average_loss: 20", "display: 1")
    folder = tmp_path / "models" / variant / "01-001-aa001"
    for max_iter in 2, 3:
        solver.write_text(settings.replace("max_iter: 5000", "max_iter: %d" % max_iter))
        process = train(tmp_path, folds, variant)
        assert process.returncode == 0, process.stderr
        size = os.path.getsize(str(folder / ("pain_iter_%d.caffemodel" % max_iter)))
        assert size == pytest.approx(91.2e6, rel=0.01) or variant in ("rcr_style", "facenet2expnet_style")
    assert "Resuming from pain_iter_2.solverstate" in (folder / "train.log").read_text()
