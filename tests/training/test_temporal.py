"""tools/temporal.py: whose features the LSTM sees, in which order, what it predicts, and smoothing beside it."""
import json
import shutil

import caffe
import h5py
import numpy as np
import pytest
from hypothesis import given, settings, strategies
from scipy.special import expit

import temporal
from pain.baselines.smoothing import SIGMAS, choose_sigma, smoothed
from pain.datasets.lmdbs import open_lmdb
from pain.errors import Problem
from pain.evaluation.results import read_result, result_of
from pain.prototxts import make_slim
from pain.training.fold_trainings import fold_training, select_folds
from pain.training.made_with import RECORD, write_record
from pain.training.predictions import predict_folds
from pain.training.temporal import STREAMS, Sequences, features_of, streams, videos_of, write_sequences
from support.caffe_runs import make_folds_of_noise
from support.predictions import refuses
from support.project import BVLC, ENGINE, needs_bvlc, run_tool

VARIANT = "smooth_l1_center_l1"


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Folds of noise, and slim folds of a variant: nets with random weights, that pass for trained ones."""
    root = tmp_path_factory.mktemp("temporal")
    make_folds_of_noise(root)
    make_slim(root / "prototxt", 16, 12, "max_iter: 2")
    for fold in select_folds(root / "folds"):
        training = fold_training(solver(root), fold, root / "models")
        training.link()
        net = caffe.Net(str(training.folder / training.net), caffe.TEST, stages=["deploy"])
        net.save(str(training.folder / "pain_iter_2.caffemodel"))
        (training.folder / "pain_iter_2.solverstate").write_bytes(
            caffe.proto.caffe_pb2.SolverState(iter=2).SerializeToString())
        predict_folds([training])
    return root


def solver(work):
    return work / "prototxt" / "solvers" / (VARIANT + ".prototxt")


def arguments(work, *more):
    return [solver(work), "--temporal", work / "prototxt/temporal_regression_solver.prototxt", "--settings",
            "max_iter: 2 display: 1 snapshot: 2", "--folds", work / "folds", "--models", work / "models",
            "--fold", 1, "--caffe", ENGINE / "caffe", *more]


@pytest.fixture(scope="module")
def done(work):
    process = run_tool("temporal.py", *arguments(work))
    assert process.returncode == 0, process.stderr
    return work / "models"


@pytest.mark.full
@needs_bvlc
def test_on_genuine_caffe(work, done, tmp_path):
    """Its own LSTM predicts what the engine's does with the same weights."""
    shutil.copytree(str(done / VARIANT), str(tmp_path / VARIANT))
    process = run_tool("temporal.py", *arguments(work, "--models", tmp_path, "--caffe", BVLC / "caffe"),
                       python=BVLC / "python")
    assert process.returncode == 0, process.stderr
    theirs = read_result(tmp_path / "temporal_lstm").videos[0].prediction
    folder = done / "temporal_lstm/01-001-aa001"
    for name in "caffemodel", "solverstate", "origin.json":
        shutil.copy(str(tmp_path / "temporal_lstm/01-001-aa001/pain_iter_2") + "." + name, str(folder))
    (folder / "predictions.csv").unlink()
    assert run_tool("temporal.py", *arguments(work)).returncode == 0
    np.testing.assert_allclose(read_result(done / "temporal_lstm").videos[0].prediction, theirs, atol=1e-5)


def test_the_lstm_learns_from_the_other_subjects_frames_in_their_order(work, done):
    folder, base = done / "temporal_lstm/01-001-aa001", done / VARIANT / "01-001-aa001"
    with h5py.File(str(folder / "sequences.h5"), "r") as file:
        features, cont, label = (file[name][...] for name in ("features", "cont", "label"))
    net = caffe.Net(str(work / "prototxt/pain_regression.prototxt"), caffe.TEST, stages=["deploy"])
    net.copy_from(str(base / "pain_iter_2.caffemodel"))
    kept = np.load(str(base / "features.npz"))
    assert features.shape == (64, 2, 50)  # two videos of 48 frames, and 64 is the next multiple of 32
    for stream in range(2):
        assert (cont[:, stream] == 0).nonzero()[0].tolist() == [0, 48]
        begin = next(i for i in (48, 96) if (kept["features"][i:i + 48] == features[:48, stream]).all())
        assert (label[:48, stream] == kept["label"][begin:begin + 48]).all()
        assert not kept["names"][begin].startswith("001-aa001")
    with open_lmdb(work / "folds/02-002-bb002/val_lmdb") as database:
        value = next(value for _, value in database.records())
    datum = caffe.proto.caffe_pb2.Datum.FromString(value)
    net.blobs["pixels"].data[0] = np.frombuffer(datum.data, np.uint8).reshape(3, 112, 96)
    net.forward()
    np.testing.assert_allclose(kept["features"][48], net.blobs["ip1_res5"].data[0], rtol=1e-4, atol=1e-5)


def test_predictions_are_an_lstm_by_hand(done):
    """Gates input, forget, output, candidate, in Caffe's order; the state begins at zero with the video."""
    net = caffe.Net(str(done.parent / "prototxt/temporal_regression.prototxt"), caffe.TEST)
    net.copy_from(str(done / "temporal_lstm/01-001-aa001/pain_iter_2.caffemodel"))
    x, bias, h = (blob.data.astype(float) for blob in net.params["lstm"])
    features = np.load(str(done / VARIANT / "01-001-aa001/features.npz"))["features"][:48].astype(float)
    hidden, cell, expected = np.zeros(50), np.zeros(50), []
    for frame in features:
        i, f, o, g = np.split(x @ frame + bias + h @ hidden, 4)
        cell = expit(f) * cell + expit(i) * np.tanh(g)
        hidden = expit(o) * np.tanh(cell)
        weights, offset = (blob.data.astype(float) for blob in net.params["ip_time"])
        expected.append(5 * expit(weights[0] @ hidden + offset[0]))
    lines = (done / "temporal_lstm/01-001-aa001/predictions.csv").read_text().splitlines()[1:]
    np.testing.assert_allclose([float(line.split(",")[4]) for line in lines], expected, atol=2e-5)
    theirs = (done / VARIANT / "01-001-aa001/predictions.csv").read_text().splitlines()[1:]
    assert [line.split(",")[:4] for line in lines] == [line.split(",")[:4] for line in theirs]


def test_nothing_is_done_twice_and_other_features_are_refused(work, done):
    stamps = {path: path.stat().st_mtime_ns for path in done.rglob("*.caffemodel")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["temporal.py", *map(str, arguments(work))])
        temporal.main()
        assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())
    model = done / VARIANT / "01-001-aa001/pain_iter_2.caffemodel"
    before = model.read_bytes()
    net = caffe.proto.caffe_pb2.NetParameter.FromString(before)
    net.name = "another"
    model.write_bytes(net.SerializeToString())
    try:
        assert "features of another net" in refuses(*arguments(work), main=temporal.main)
    finally:
        model.write_bytes(before)


@pytest.mark.parametrize("content", [b"", b"PK damaged"])
def test_damaged_features_are_made_again_and_a_damaged_record_is_a_line(work, done, content):
    kept = done / VARIANT / "01-001-aa001/features.npz"
    with np.load(str(kept)) as before:
        features = before["features"]
    kept.write_bytes(content)
    record = done / "temporal_lstm/01-001-aa001/features.json"
    said = record.read_bytes()
    record.write_bytes(content)
    assert "features of another net" in refuses_with_progress(work)
    record.write_bytes(said)
    with np.load(str(kept)) as after:
        assert (after["features"] == features).all()


def test_features_of_other_data_are_refused(work):
    training = fold_training(solver(work), select_folds(work / "folds")[0], work / "models")
    write_record(training.folder, dict(training.made_with(), data={"val.txt": "of other frames"}))
    try:
        with pytest.raises(Problem, match="data"):
            features_of(training, select_folds(work / "folds"))
    finally:
        (training.folder / RECORD).unlink()


def refuses_with_progress(work):
    """The Problem of the command, which has shown how far it was before."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Problem) as problem:
        patch.setattr("sys.argv", ["temporal.py", *map(str, arguments(work))])
        temporal.main()
    return str(problem.value)


@settings(deadline=None, max_examples=60)
@given(strategies.lists(strategies.integers(1, 30), min_size=1, max_size=20), strategies.sampled_from([1, 8, 32]))
def test_streams(lengths, steps):
    """Every frame is there, videos are whole and in their order, and begin where they are said to."""
    ends = np.cumsum(lengths)
    videos = [slice(end - length, end) for end, length in zip(ends, lengths)]
    shown, begins = streams(videos, steps)
    assert shown.shape == begins.shape == (len(shown), min(STREAMS, len(lengths))) and len(shown) % steps == 0
    assert set(shown.ravel()) == set(range(ends[-1])) and begins[0].all()
    assert (begins == np.isin(shown, [video.start for video in videos])).all()
    goes_on = ~begins[1:]
    assert (np.diff(shown, axis=0)[goes_on] == 1).all()


def test_videos_of_names():
    assert videos_of(np.array(["a/v/1.png", "a/v/2.png", "a/w/1.png", "b/w/1.png"])) == [
        slice(0, 2), slice(2, 3), slice(3, 4)]


def test_the_lstm_sees_none_of_several_subjects_left_out(tmp_path):
    names = np.array(["%s/v/%d.png" % (subject, i) for subject in ("a", "b", "c") for i in range(4)])
    sequences = Sequences(np.arange(12, dtype=np.float32)[:, None], np.zeros(12, int), names)
    write_sequences(tmp_path, sequences, ["a", "c"], 2)
    with h5py.File(str(tmp_path / "sequences.h5"), "r") as file:
        assert set(np.unique(file["features"])) == {4, 5, 6, 7}


def noisy(seed, subjects="abc"):
    random, rows = np.random.RandomState(seed), []
    for subject in subjects:
        label = np.repeat([0, 3, 0], 40)
        rows += [(subject, t, p) for t, p in zip(label, label + random.normal(size=120))]
    subject, label, prediction = zip(*rows)
    return result_of(label, prediction, subject, "v", list(range(120)) * len(subjects))


def test_smoothing_by_hand_and_chosen_by_the_others():
    result = noisy(1)
    one = smoothed(result, 2).videos[0].prediction
    weights = np.exp(-0.5 * (np.arange(-8, 9) / 2) ** 2)
    by_hand = (result.videos[0].prediction[52:69] * weights).sum() / weights.sum()
    assert one[60] == pytest.approx(by_hand, rel=1e-9)
    assert choose_sigma(result, ["a"]) in SIGMAS[1:]  # noise asks for some
    changed = result._replace(videos=[video._replace(prediction=video.prediction * 9) if video.subject == "a" else video
                                      for video in result.videos])
    assert choose_sigma(changed, ["a"]) == choose_sigma(result, ["a"])  # whatever the left-out subject's are
    exact = result._replace(videos=[video._replace(prediction=video.label.astype(float)) for video in result.videos])
    assert choose_sigma(exact, ["a"]) == 0


def test_smoothed_predictions_are_a_row(done):
    folder = done / "smoothed/01-001-aa001"
    sigma = json.loads((folder / "smoothing.json").read_text())["sigma"]
    base = read_result(done / VARIANT)
    expected = [video for video in smoothed(base, sigma).videos if video.subject == "001-aa001"]
    found = read_result(done / "smoothed")
    assert found.name == "smoothed in time" and len(found.videos) == len(expected) == 1
    np.testing.assert_allclose(found.videos[0].prediction, expected[0].prediction, atol=1e-6)


def test_what_can_be_wrong(work, done, tmp_path):
    assert "--jobs takes auto, or 1" in refuses(*arguments(work, "--jobs", 0), main=temporal.main)
    assert "`make predict` makes" in refuses(*arguments(work, "--models", tmp_path), main=temporal.main)
    assert "no such prototxt" in refuses(*arguments(work, "--temporal", tmp_path / "x"), main=temporal.main)
