"""Training the trunk to tell people apart, on noise in the real format: the nets made for it, resuming, errors."""
import re
import shutil
import signal
import subprocess
import sys

import caffe
import numpy as np
import pytest
from caffe.proto import caffe_pb2
from google.protobuf import text_format

import pretrain
from pain import prototxts
from pain.provenance import UNKNOWN, read_origin
from pain.training import pretraining
from support.caffe_runs import write_samples
from support.predictions import refuses
from support.processes import PATIENCE, started, wait_until
from support.project import BVLC, ENGINE, ROOT, assert_one_line_error, needs_bvlc, run_tool

PEOPLE = 5
SETTINGS = "base_lr: 0.01 lr_policy: 'fixed' max_iter: 4 display: 1 average_loss: 1 snapshot: 2"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder as `make identities` makes it: 20 images of noise of five people, each of another brightness."""
    root = tmp_path_factory.mktemp("data")
    random, labels = np.random.RandomState(0), [i % PEOPLE for i in range(20)]
    images = [random.randint(0, 56, (3, 112, 96)) + 50 * label for label in labels]
    write_samples(root / "train_lmdb", np.array(images, np.uint8), labels)
    (root / "people.txt").write_text("".join("p%d\n" % k for k in range(PEOPLE)))
    return root


@pytest.fixture(scope="module")
def slim(tmp_path_factory):
    out = tmp_path_factory.mktemp("slim") / "prototxt"
    prototxts.make_slim(out, 16, 12)
    return out


def arguments(slim, data, models, *options, provider=ENGINE):
    return [slim / "face_verification_solver.prototxt", "--identities", data, "--models", models, "--caffe",
            provider / "caffe", "--batch", 10, "--settings", SETTINGS, *options]


@pytest.fixture(scope="module")
def trained(slim, data, tmp_path_factory):
    """The models' folder of a training with the engine."""
    models = tmp_path_factory.mktemp("trained")
    assert tool(slim, data, models).returncode == 0
    return models


def tool(slim, data, models, *options, provider=ENGINE):
    return run_tool("pretrain.py", *arguments(slim, data, models, *options, provider=provider),
                    python=provider / "python")


def refused(*given):
    """The one line with which the command, run within this process, refuses arguments()."""
    return refuses(*arguments(*given), main=pretrain.main)


def read(path, kind):
    return text_format.Merge(path.read_text(), kind())


def blobs(path):
    net = caffe_pb2.NetParameter.FromString(path.read_bytes())
    return {"%s/%d" % (layer.name, i): np.array(blob.data) for layer in net.layer for i, blob in enumerate(layer.blobs)}


@pytest.mark.parametrize("provider", [ENGINE, pytest.param(BVLC, marks=needs_bvlc)], ids=["engine", "bvlc"])
def test_it_trains(slim, data, tmp_path, provider):
    process = tool(slim, data, tmp_path, provider=provider)
    assert process.returncode == 0, process.stderr
    assert process.stdout == "%s\n" % (tmp_path / "face_verification.caffemodel")
    folder = tmp_path / "face_verification"
    assert sorted(path.name for path in folder.iterdir()) == [
        "face_iter_4.caffemodel", "face_iter_4.origin.json", "face_iter_4.solverstate", "made_with.json",
        "net.prototxt", "people.txt", "solver.prototxt", "train.log", "train_lmdb"]
    losses = re.findall(r"Iteration \d+ .*loss = (\S+)", (folder / "train.log").read_text())
    assert len(losses) == 4 and np.isfinite(np.array(losses, float)).all()
    weights = tmp_path / "face_verification.caffemodel"
    assert weights.read_bytes() == (folder / "face_iter_4.caffemodel").read_bytes()
    made = read_origin(weights)
    assert made == read_origin(folder / "face_iter_4.caffemodel")
    assert (made.kind, made.training, made.iterations, made.start) == (UNKNOWN, "face_verification", 4, None)
    stored = blobs(weights)
    assert stored["fc6_5/0"].size == 5 * 512 and stored["center_loss_5/0"].size == 5 * 512
    assert not stored["conv2_1/1"].any() and stored["conv2/1"].any()  # biases within units stay 0

    stamp = (folder / "face_iter_4.caffemodel").stat().st_mtime_ns
    assert tool(slim, data, tmp_path, provider=provider).returncode == 0
    assert (folder / "face_iter_4.caffemodel").stat().st_mtime_ns == stamp  # it was finished


def test_the_nets_are_made_for_the_people(slim, data, tmp_path):
    solver = pretraining.prepare(ROOT / "prototxt/face_verification_solver.prototxt", data, tmp_path, at_a_time=64,
                              changes="max_iter: 7 stepvalue: 5")
    made, original = (read(path, caffe_pb2.NetParameter)
                      for path in (tmp_path / "net.prototxt", ROOT / "prototxt/face_verification.prototxt"))
    changed = [(new, old) for new, old in zip(made.layer, original.layer) if new != old]
    assert [(new.name, old.name) for new, old in changed] == [
        ("train_data", "train_data"), ("fc6_5", "fc6"), ("center_loss_5", "center_loss")]
    (data_layer, _), (fc6, _), (center, _) = changed
    assert data_layer.data_param.batch_size == 64 and fc6.inner_product_param.num_output == 5
    assert "'classes': 5" in center.python_param.param_str and "'norm': 'l2'" in center.python_param.param_str
    solver = read(solver, caffe_pb2.SolverParameter)
    assert (solver.iter_size, solver.max_iter, list(solver.stepvalue), solver.net) == (4, 7, [5], "net.prototxt")
    assert solver.base_lr == np.float32(0.1)

    (tmp_path / "casia").mkdir()
    (tmp_path / "casia/people.txt").write_text("".join("%d\n" % k for k in range(10572)))
    pretraining.prepare(ROOT / "prototxt/face_verification_solver.prototxt", tmp_path / "casia", tmp_path / "models")
    assert read(tmp_path / "models/net.prototxt", caffe_pb2.NetParameter) == original


def test_a_batch_in_parts_is_the_same_batch(slim, data, tmp_path):
    for name, at_a_time in ("whole", 10), ("parts", 5):
        solver = slim / "face_verification_solver.prototxt"
        folder = tmp_path / name
        prepared = pretraining.prepare(solver, data, folder, batch=10, at_a_time=at_a_time,
                                    changes=SETTINGS.replace("max_iter: 4", "max_iter: 1"))
        net = folder / "net.prototxt"
        net.write_text(net.read_text().replace("mirror: true", "mirror: false"))
        (folder / "train_lmdb").symlink_to(data / "train_lmdb")
        subprocess.check_call([str(ENGINE / "caffe"), "train", "-solver", prepared.name], cwd=str(folder),
                              stderr=subprocess.DEVNULL, env={"PYTHONPATH": str(ROOT)})
    whole, parts = (blobs(tmp_path / name / "face_iter_1.caffemodel") for name in ("whole", "parts"))
    for key in whole:
        np.testing.assert_allclose(parts[key], whole[key], rtol=1e-4, atol=1e-6)


def test_an_interrupted_training_goes_on(slim, data, tmp_path, usual_signals):
    forever = SETTINGS.replace("max_iter: 4", "max_iter: 100000").replace("snapshot: 2", "")
    command = [sys.executable, str(ROOT / "tools/pretrain.py"), str(slim / "face_verification_solver.prototxt"),
               "--identities", str(data), "--models", str(tmp_path), "--caffe", str(ENGINE / "caffe"), "--batch", "10",
               "--settings", forever]
    log = tmp_path / "face_verification/train.log"
    with started(*command, stderr=subprocess.PIPE) as process:
        wait_until(lambda: log.exists() and "Iteration 5 " in log.read_text())
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 130 and "Traceback" not in error, error
    assert not (tmp_path / "face_verification.caffemodel").exists()
    state, = log.parent.glob("*.solverstate")
    done = int(state.stem.rsplit("_", 1)[1])
    command[-1] = forever.replace("100000", str(done + 2))
    subprocess.check_call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert "Resuming from face_iter_%d.solverstate" % done in log.read_text()
    assert (tmp_path / "face_verification.caffemodel").exists()


def test_other_people_fit_into_the_trunk_of_the_first(slim, data, trained, tmp_path):
    """Fine-tuning on other people, from the weights of the first: only the head for them is new."""
    others = tmp_path / "others"
    shutil.copytree(str(data), str(others))
    (others / "people.txt").write_text("".join("q%d\n" % k for k in range(PEOPLE + 2)))
    weights = trained / "face_verification.caffemodel"
    process = tool(slim, others, tmp_path / "second", "--weights", weights, "--settings",
                   SETTINGS.replace("base_lr: 0.01", "base_lr: 0"))
    assert process.returncode == 0, process.stderr
    first, second = blobs(weights), blobs(tmp_path / "second/face_verification.caffemodel")
    assert {key for key in second if key not in first} == {"fc6_7/0", "fc6_7/1", "center_loss_7/0"}
    assert all((second[key] == first[key]).all() for key in second if key in first)


def test_errors(slim, data, trained, tmp_path):
    said = refused(slim, tmp_path / "nowhere", tmp_path)
    assert "nowhere/people.txt" in said and "make identities" in said
    assert "--batch" in refused(slim, data, tmp_path, "--batch", 0)
    assert "--at-a-time 3: does not divide" in refused(slim, data, tmp_path, "--at-a-time", 3)
    said = refused(slim, data, tmp_path, "--settings", "no_such_field: 1")
    assert "--settings" in said and "no_such_field" in said
    assert "face_verification_solver.prototxt: no such prototxt" in refused(tmp_path, data, tmp_path)
    for name, content, words in (("a", b"", "names no net"), ("b", b"\xff\xfe", "text file"),
                                 ("c", b'net: "d"', "no such prototxt")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "face_verification_solver.prototxt").write_bytes(content)
        said = refused(tmp_path / name, data, tmp_path)
        assert str(tmp_path / name) in said and words in said
    alone = tmp_path / "alone"
    shutil.copytree(str(data), str(alone))
    for content, words in (b"p0\n", "two or more"), (b"\xff\xfe", "not a text file"):
        (alone / "people.txt").write_bytes(content)
        said = refused(slim, alone, tmp_path)
        assert "people.txt" in said and words in said
    (alone / "people.txt").write_text("p0\np1\n")  # fewer than the LMDB has
    assert_one_line_error(tool(slim, alone, tmp_path / "few"), "train.log")
    assert not list(tmp_path.glob("**/*.caffemodel"))

    (alone / "people.txt").write_text("a\nb\nc\nd\ne\n")
    said = refused(slim, alone, trained)
    assert str(trained / "face_verification") in said and "other people" in said


def test_a_net_reads_a_label_as_a_person(slim, data, tmp_path):
    """The loss of an untrained net is that of a guess among the people."""
    pretraining.prepare(slim / "face_verification_solver.prototxt", data, tmp_path, batch=10)
    net_text = (tmp_path / "net.prototxt").read_text().replace('"train_lmdb"', '"%s"' % (data / "train_lmdb"))
    (tmp_path / "net.prototxt").write_text(net_text)
    net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TRAIN)
    net.params["fc6_5"][0].data[...] = 0
    assert net.forward()["softmax_loss"] == pytest.approx(np.log(PEOPLE), rel=1e-5)
