"""The solvers against genuine Caffe: weights, log, snapshots both ways; and what is not Caffe's: exact resuming.

Genuine Caffe's side is recorded in recorded/solvers.npz (`python record.py solvers` records it again) and computed
afresh where genuine Caffe is at hand.
"""
import os
import re
import resource
import subprocess
from pathlib import Path

import caffe
import h5py
import numpy as np
import pytest
import torch
from caffe.errors import CaffeError
from caffe.layer import TABLE
from caffe.proto import caffe_pb2

import solver_runs
from solver_runs import Batches, flat, learned, make_solver
from test_parity import GENUINE, HERE, error

RECORD = HERE / "recorded" / "solvers.npz"
SNAPSHOTS = ["SGD-BINARYPROTO", "SGD-HDF5", "Adam-BINARYPROTO", "Adam-HDF5"]
needs_genuine = pytest.mark.skipif(not GENUINE.exists(), reason="no genuine Caffe here: `make bvlc` did not run")


def genuine(*args, cwd):
    """Run solver_runs.py under genuine Caffe. Returns what it logged."""
    environment = dict(os.environ, PYTHONPATH=str(HERE), GLOG_minloglevel="0")
    return subprocess.run([str(GENUINE), str(HERE / "solver_runs.py"), *map(str, args)], env=environment, cwd=cwd,
                          check=True, stderr=subprocess.PIPE, text=True).stderr


def record(out, folder):
    """Have genuine Caffe compute everything that the tests compare with."""
    genuine("weights", folder / "weights.npz", cwd=folder)
    arrays = dict(np.load(folder / "weights.npz"), log=np.array(log_lines(genuine("log", cwd=folder))))
    genuine("snapshot", *make_folders(folder), cwd=folder)
    for path in folder.glob("*-*/*"):
        if path.name.startswith("tiny_iter_10."):
            arrays["%s/%s" % (path.parent.name, path.name)] = np.frombuffer(path.read_bytes(), np.uint8)
        elif path.name == "end.npy":
            arrays["%s/end" % path.parent.name] = np.load(path)
    np.savez_compressed(out, **arrays)


def make_folders(folder):
    for name in SNAPSHOTS:
        (folder / name).mkdir()
    return SNAPSHOTS


def log_lines(text):
    """The training's part of a log, without glog's prefix and without what the clock has said."""
    lines = [line.partition("] ")[2] for line in text.splitlines()]
    return [re.sub(r" \(\S+ iter/s, \S+s/5 iters\)", "", line) for line in lines[lines.index("Solving tiny"):]]


@pytest.fixture(scope="session")
def recorded():
    return dict(np.load(RECORD))


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def loud(monkeypatch):
    monkeypatch.setenv("GLOG_minloglevel", "0")


# Against genuine Caffe.

@pytest.mark.parametrize("case", solver_runs.CASES)
def test_weights_after_20_iterations(case, recorded):
    row = list(recorded["names"]).index(case)
    solver = make_solver(*solver_runs.CASES[case])
    solver.step(20)
    assert error(flat(solver.net), recorded["weights"][row]) < 1e-4
    assert solver.lr == pytest.approx(recorded["rates"][row], rel=1e-5, abs=1e-9)


@needs_genuine
def test_the_record_is_what_genuine_caffe_says(recorded, tmp_path):
    record(tmp_path / "fresh.npz", tmp_path)
    fresh = np.load(tmp_path / "fresh.npz")
    assert set(fresh.files) == set(recorded)
    for key in fresh.files:
        if key == "log":
            assert_same_log(list(fresh[key]), list(recorded[key]))
        elif key in ("weights", "rates") or key.endswith("/end"):
            assert error(fresh[key], recorded[key]) < 1e-5, key


def assert_same_log(found, expected):
    number = re.compile(r"-?\d+\.?\d*(?:e[+-]\d+)?")
    assert [number.sub("#", line) for line in found] == [number.sub("#", line) for line in expected]
    for one, other in zip(found, expected):
        assert [float(x) for x in number.findall(one)] == pytest.approx(
            [float(x) for x in number.findall(other)], rel=1e-3, abs=1e-6), (one, other)


def test_log_as_genuine(recorded, loud, capfd):
    solver_runs.log()
    assert_same_log(log_lines(capfd.readouterr().err), list(recorded["log"]))


def test_goes_on_from_snapshots_of_genuine(recorded, tmp_path):
    for name in make_folders(tmp_path):
        for key in recorded:
            if key.startswith(name + "/tiny"):
                (tmp_path / key).write_bytes(recorded[key].tobytes())
    solver_runs.resume(*SNAPSHOTS)
    for name in SNAPSHOTS:
        assert error(np.load(name + "/resumed.npy"), recorded[name + "/end"]) < 1e-4, name


@needs_genuine
def test_genuine_goes_on_from_ours(tmp_path):
    solver_runs.snapshot(*make_folders(tmp_path))
    genuine("resume", *SNAPSHOTS, cwd=tmp_path)
    for name in SNAPSHOTS:
        assert error(np.load(name + "/resumed.npy"), np.load(name + "/end.npy")) < 1e-4, name


def test_hdf5_files_are_laid_out_as_genuine_ones(recorded, tmp_path):
    def contents(path):
        found = {}
        with h5py.File(path, "r") as file:
            file.visititems(lambda name, item: found.update({name: (
                (item.shape, item.dtype.str, item[()]) if isinstance(item, h5py.Dataset) else None)}))
        return found

    os.mkdir("Adam-HDF5")
    solver_runs.snapshot("Adam-HDF5")
    for name in "tiny_iter_10.caffemodel.h5", "tiny_iter_10.solverstate.h5":
        (tmp_path / "genuine.h5").write_bytes(recorded["Adam-HDF5/" + name].tobytes())
        found, expected = contents("Adam-HDF5/" + name), contents("genuine.h5")
        found.pop("seed", None)
        assert found.keys() == expected.keys()
        for key in found:
            assert (found[key] is None) == (expected[key] is None)
            if found[key] is not None:
                assert found[key][:2] == expected[key][:2], key
                if key != "learned_net":
                    assert error(found[key][2], expected[key][2]) < 1e-4, key


# Resuming.

RESUMED_NET = """
name: "resumed" %s
layer { name: "one" type: "InnerProduct" bottom: "x" top: "one"
        inner_product_param { num_output: 6 weight_filler { type: "xavier" } } }
layer { name: "drop" type: "Dropout" bottom: "one" top: "one" }
layer { name: "two" type: "InnerProduct" bottom: "one" top: "two"
        inner_product_param { num_output: 2 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "Power" bottom: "two" top: "loss" loss_weight: 1 power_param { power: 2 shift: 0.1 } }
"""
SOURCES = {
    "Python": 'layer { name: "x" type: "Python" top: "x" python_param { module: "solver_runs" layer: "Batches" } }',
    "DummyData": """layer { name: "x" type: "DummyData" top: "x"
        dummy_data_param { shape { dim: 4 dim: 3 } data_filler { type: "gaussian" } } }""",
    "Data": """layer { name: "x" type: "Data" top: "x" data_param { source: "lmdb" backend: LMDB batch_size: 3 }
        transform_param { scale: 0.004 mirror: true crop_size: 3 } }"""}


def write_lmdb(path):
    import lmdb
    with lmdb.open(str(path), map_size=2 ** 20) as environment, environment.begin(write=True) as transaction:
        random = np.random.RandomState(0)
        for i in range(7):
            datum = caffe_pb2.Datum(channels=1, height=5, width=5, label=i, data=random.bytes(25))
            transaction.put(b"%03d" % i, datum.SerializeToString())


@pytest.mark.parametrize("seed", ["", "random_seed: 7"])
@pytest.mark.parametrize("form", ["BINARYPROTO", "HDF5"])
@pytest.mark.parametrize("kind, source", [("SGD", "Python"), ("Adam", "DummyData"), ("Nesterov", "Data")])
def test_resuming_is_exact(kind, source, form, seed, tmp_path, loud, capfd):
    if source not in TABLE:
        pytest.skip("no %s layer" % source)
    write_lmdb(tmp_path / "lmdb")
    (tmp_path / "net.prototxt").write_text(RESUMED_NET % SOURCES[source])
    (tmp_path / "solver.prototxt").write_text(
        'net: "net.prototxt" base_lr: 0.01 lr_policy: "multistep" gamma: 0.5 stepvalue: 3 stepvalue: 9 type: "%s" '
        'momentum: 0.9 iter_size: 2 max_iter: 12 test_iter: 2 test_interval: 4 snapshot: 5 snapshot_format: %s %s '
        'display: 1 snapshot_prefix: "s"' % (kind, form, seed))
    Batches.position = 0
    whole = caffe.get_solver("solver.prototxt")
    whole.solve()
    log_of_whole = capfd.readouterr().err
    resumed = caffe.get_solver("solver.prototxt")
    Batches.position = 5 * 2 + 2 * 2  # 5 iterations and 2 tests
    resumed.solve("s_iter_5.solverstate" + (".h5" if form == "HDF5" else ""))
    for name in "one", "two":
        for blob, expected in zip(resumed.net.params[name], whole.net.params[name]):
            assert np.array_equal(blob.data, expected.data)
    for tensor, expected in zip(resumed.history, whole.history):
        assert torch.equal(tensor, expected)

    def outputs(log):
        return re.findall(r"\] ( +\S+ net output.*|Iteration \d+, (?:lr|Testing).*)", log)
    after = outputs(capfd.readouterr().err)
    assert len(after) > 20 and after == outputs(log_of_whole)[-len(after):]


# What is refused.

GOOD = 'net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" '


def write_solver(text):
    with open("net.prototxt", "w") as file:
        file.write(solver_runs.NET)
    with open("solver.prototxt", "w") as file:
        file.write(text)
    return "solver.prototxt"


@pytest.mark.parametrize("text, message", [
    ('net: "net.prototxt" base_lr: 1', "Unknown learning rate policy: ''; known are fixed, step"),
    ('net: "net.prototxt" base_lr: 1 lr_policy: "linear"', "Unknown learning rate policy: 'linear'"),
    ('net: "net.prototxt" base_lr: 1 lr_policy: "step" gamma: 1', "stepsize"),
    ('net: "net.prototxt" base_lr: 1 lr_policy: "sigmoid" gamma: 1', "stepsize"),
    ('net: "net.prototxt" base_lr: 1 lr_policy: "exp" gamma: -1', "gamma must not be negative: -1"),
    (GOOD + 'type: "AdaGrad" momentum: 0.9', "Momentum cannot be used with AdaGrad."),
    (GOOD + 'type: "RMSProp" momentum: 0.9', "Momentum cannot be used with RMSProp."),
    (GOOD + 'type: "RMSProp" rms_decay: 1', "rms_decay should lie between 0 and 1"),
    (GOOD + 'type: "LBFGS"', "known types: AdaDelta, AdaGrad, Adam, Nesterov, RMSProp, SGD"),
    (GOOD + 'weight_decay: 0.1 regularization_type: "L3"', "Unknown regularization type: L3"),
    (GOOD + "average_loss: 0", "average_loss"),
    (GOOD + "iter_size: 0", "iter_size"),
    (GOOD + "test_iter: 1", "test_interval must be greater than 0"),
    (GOOD + "test_iter: 1 test_iter: 1 test_interval: 1 test_state { }", "test_state must be"),
    (GOOD + 'test_net: "net.prototxt" test_interval: 1', "test_iter must be specified for each test network"),
    ('train_net: "net.prototxt" base_lr: 1 lr_policy: "fixed" test_iter: 1 test_interval: 1', "test_iter must be"),
    (GOOD + 'train_net: "net.prototxt"', "no more than one of these fields: net, net_param, train_net"),
    ('base_lr: 0.1 lr_policy: "fixed"', "one of these fields: net, net_param, train_net"),
    (GOOD + 'snapshot: 1 snapshot_prefix: "nowhere/x"', "Cannot write to snapshot prefix 'nowhere/x'"),
    (GOOD + 'weights: "nowhere.caffemodel"', "nowhere.caffemodel: No such file"),
    (GOOD + "base_rl: 1", "solver.prototxt: not a SolverParameter prototxt"),
    ('net: "nowhere.prototxt" base_lr: 1 lr_policy: "fixed"', "nowhere.prototxt: No such file"),
])
def test_refuses(text, message):
    with pytest.raises(CaffeError, match=re.escape(message)):
        caffe.get_solver(write_solver(text))


def test_a_class_ignores_the_type_in_the_file():
    solver = caffe.NesterovSolver(write_solver(GOOD + 'type: "AdaGrad" momentum: 0.5'))
    assert type(solver) is caffe.NesterovSolver and solver.param.momentum == 0.5
    assert type(caffe.get_solver(write_solver(GOOD + 'type: "RMSProp"'))) is caffe.RMSPropSolver


def test_solve_refuses_at_once_what_it_could_not_save():
    solver = caffe.get_solver(write_solver(GOOD + 'max_iter: 5 snapshot_prefix: "nowhere/x"'))
    with pytest.raises(CaffeError, match="Cannot write to snapshot prefix"):
        solver.solve()
    assert solver.iter == 0


# Numbers that stop being finite.

def test_names_the_data_that_is_not_finite():
    solver = make_solver("SGD")
    user = solver.net._layers[0].user
    clean = user.forward

    def forward(bottom, top):
        clean(bottom, top)
        if Batches.position == 4:
            top[0].data[0, 0] = np.nan
    user.forward = forward
    with pytest.raises(CaffeError, match=r"Iteration 3: the loss is nan.*layer batches \(Python\): its top x"):
        solver.step(20)
    assert solver.iter == 3


def test_names_the_layer_that_is_not_finite_and_works_in_place():
    param = caffe_pb2.SolverParameter(base_lr=0.1, lr_policy="fixed")
    write_solver("")
    param.net_param.CopyFrom(caffe.build.read_net("net.prototxt"))
    param.net_param.layer.insert(3, caffe_pb2.LayerParameter(  # the root of a negative number
        name="root", type="Power", bottom=["one"], top=["one"], power_param=dict(shift=-2, power=0.5)))
    with pytest.raises(CaffeError, match=r"Iteration 0: .*layer root \(Power\): its top one"):
        caffe.get_solver(param).step(1)


def test_names_the_weights_that_are_not_finite():
    solver = make_solver("SGD")
    solver.step(2)
    solver.net.params["two"][1].data[1] = np.inf
    with pytest.raises(CaffeError, match=r"Iteration 2: .*layer two \(InnerProduct\): its learnable blob 1"):
        solver.step(1)


def test_names_a_python_layer_with_a_state_of_its_own():
    write_solver("")
    param = caffe_pb2.SolverParameter(base_lr=0.1, lr_policy="fixed")
    param.net_param.CopyFrom(caffe.build.read_net("net.prototxt"))
    param.net_param.layer.insert(3, caffe_pb2.LayerParameter(
        name="late", type="Python", bottom=["one"], top=["late"],
        python_param=dict(module="solver_runs", layer="InfiniteAtThird")))
    param.net_param.layer[4].bottom[0] = "late"
    solver = caffe.get_solver(param)
    with pytest.raises(CaffeError, match=r"Iteration 2: .*layer late \(Python\): its top late"):
        solver.step(5)


def test_a_test_loss_that_is_not_finite_is_told_and_training_goes_on(capfd, monkeypatch):
    monkeypatch.setenv("GLOG_minloglevel", "1")
    solver = make_solver("SGD", options="test_iter: 3 test_interval: 2")
    user = solver.test_nets[0]._layers[0].user
    clean, calls = user.forward, []

    def forward(bottom, top):
        clean(bottom, top)
        calls.append(top[0].data.copy())
        top[0].data[0, 0] = np.nan
    user.forward = forward
    solver.step(3)
    assert len(calls) == 6 and solver.iter == 3
    warnings = capfd.readouterr().err.splitlines()
    assert len(warnings) == 2
    assert re.search("Iteration 2, test net #0: the loss is nan.*layer batches .Python.: its top x", warnings[1])


def test_weights_that_are_not_finite_are_not_saved():
    solver = make_solver("SGD", options='snapshot_prefix: "s"')
    solver.net.params["two"][0].data[0, 1] = np.nan
    with pytest.raises(CaffeError, match=r"Iteration 0: no snapshot .*layer two .InnerProduct.: its learnable blob 0"):
        solver.snapshot()
    assert not list(Path().glob("*.caffemodel"))


# Snapshots.

@pytest.mark.parametrize("form", ["BINARYPROTO", "HDF5"])
@pytest.mark.parametrize("prefix, message", [
    ("a" * 250, "too long"), ("a\\000b", "null"), ("nowhere/a", "Cannot write")])
def test_a_prefix_that_is_no_name_of_a_file(form, prefix, message):
    solver = make_solver("SGD", options='snapshot_prefix: "%s" snapshot_format: %s' % (prefix, form))
    with pytest.raises(CaffeError, match=message):
        solver.snapshot()
    assert not list(Path().glob("*_iter_*"))


def test_a_snapshot_that_does_not_fit_on_the_disk_leaves_nothing(tmp_path):
    for form, what in ("BINARYPROTO", ""), ("HDF5", ".h5"):
        solver = make_solver("SGD", options='snapshot_prefix: "s" snapshot_format: ' + form)
        solver.snapshot()
        name = "s_iter_0.caffemodel" + what
        before, files = (tmp_path / name).read_bytes(), sorted(os.listdir())
        solver.net.params["one"][0].data[...] = 0
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        try:
            with pytest.raises(CaffeError, match=r"s_iter_0.caffemodel\S*: cannot be written: .*(too large)"):
                solver.snapshot()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert (tmp_path / name).read_bytes() == before and sorted(os.listdir()) == files


@pytest.mark.parametrize("kind, message", [
    ("other type", "Incorrect length of history blobs: 4, but this solver has 8"),
    ("other net", r"history blob 0 is of shape \(4, 3\), but that of this net \(7, 3\)"),
    ("no weights", "its weights, 'tiny_iter_0.caffemodel', are not there"),
    ("other weights", "layer two .*shape mismatch"),
])
def test_a_state_that_does_not_fit_changes_nothing(kind, message):
    make_solver("SGD", options='snapshot_prefix: "tiny"').snapshot()
    solver = make_solver("Adam" if kind == "other type" else "SGD", options='snapshot_prefix: "tiny"')
    if kind == "other net":
        with open("net.prototxt", "w") as file:
            file.write(solver_runs.NET.replace("num_output: 4", "num_output: 7"))
        solver = caffe.get_solver("solver.prototxt")
    elif kind == "no weights":
        os.unlink("tiny_iter_0.caffemodel")
    elif kind == "other weights":
        weights = caffe.build.read_weights("tiny_iter_0.caffemodel")
        weights.layer[3].blobs[0].shape.dim[:] = [4, 3]
        with open("tiny_iter_0.caffemodel", "wb") as file:
            file.write(weights.SerializeToString())
    for blob in learned(solver.net):
        blob.data[...] = 5
    solver.step(1)
    before = flat(solver.net)
    with pytest.raises(CaffeError, match=message):
        solver.restore("tiny_iter_0.solverstate")
    assert solver.iter == 1 and np.array_equal(flat(solver.net), before)


def test_snapshot_prefix_is_the_solvers_name_or_in_a_folder(tmp_path):
    (tmp_path / "out").mkdir()
    write_solver(GOOD)
    caffe.get_solver(str(tmp_path / "solver.prototxt")).snapshot()
    assert (tmp_path / "solver_iter_0.solverstate").exists()
    caffe.get_solver(write_solver(GOOD + 'snapshot_prefix: "out"')).snapshot()
    assert (tmp_path / "out/solver_iter_0.caffemodel").exists()


# The rest of the interface.

def test_callbacks_and_apply_update():
    solver, calls = make_solver("SGD"), []

    def ready():
        calls.append(("ready", solver.iter, float(np.abs(solver.net.params["one"][0].diff).max()) > 0))
    solver.add_callback(lambda: calls.append(("start", solver.iter)), ready)
    solver.step(2)
    assert calls == [("start", 0), ("ready", 0, True), ("start", 1), ("ready", 1, True)]
    before = flat(solver.net)
    solver.net.clear_param_diffs()
    solver.apply_update()  # the momentum's
    assert solver.iter == 3 and not np.array_equal(flat(solver.net), before)


def test_gradients_hold_the_update_after_a_step():
    solver = make_solver("Adam")
    before = solver.net.params["two"][0].data.copy()
    solver.step(1)
    blob = solver.net.params["two"][0]
    assert np.array_equal(before - blob.diff, blob.data)


def test_weights_field_fills_all_nets():
    first, last = make_solver("SGD"), make_solver("SGD")
    first.step(1)
    caffe.snapshot.save_weights_hdf5(first.net, "first.h5")
    caffe.snapshot.save_weights(last.net, "last.caffemodel")
    solver = caffe.get_solver(write_solver(
        GOOD + 'weights: "first.h5, last.caffemodel" test_iter: 1 test_interval: 10'))
    for net in solver.net, solver.test_nets[0]:
        assert np.array_equal(flat(net), flat(last.net)) and not np.array_equal(flat(net), flat(first.net))


def test_test_nets_share_the_weights_once_tested_and_gradients_never():
    solver = caffe.get_solver(write_solver(GOOD + "test_iter: 1 test_interval: 10"))
    solver.step(1)
    assert np.array_equal(flat(solver.test_nets[0]), flat(solver.net))
    solver.test_nets[0].params["one"][0].diff[...] = 7
    assert not (solver.net.params["one"][0].diff == 7).any()


def test_share_weights():
    solver, other = make_solver("SGD"), make_solver("SGD")
    solver.share_weights(other.net)
    solver.step(1)
    assert np.array_equal(flat(solver.net), flat(other.net)) and other.iter == 0


def test_training_that_keeps_less_ends_in_the_same_weights():
    keeping, lean = make_solver("SGD"), make_solver("SGD")
    lean.keep = False
    for solver in keeping, lean:
        Batches.position = 0
        solver.step(5)
    assert np.array_equal(flat(keeping.net), flat(lean.net))
    assert float(keeping.net.blobs["one"].grad.abs().max()) > 0 and float(lean.net.blobs["one"].grad.abs().max()) == 0


def test_actions(tmp_path):
    solver = make_solver("SGD", options='snapshot_prefix: "tiny" test_iter: 3 test_interval: 4')
    asked = iter([None] * 3 + [None, None, "snapshot"] + [None] * 2 + ["stop"] + [None] * 100)
    solver.action = lambda: next(asked)
    solver.solve()  # a test, two iterations, a snapshot; two more, and a test that is interrupted
    assert solver.iter == 4
    assert {path.name for path in tmp_path.glob("*.solverstate")} == {"tiny_iter_3.solverstate",
                                                                       "tiny_iter_4.solverstate"}
