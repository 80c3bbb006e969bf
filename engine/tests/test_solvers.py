"""The solvers against genuine Caffe: weights, log, snapshots both ways; and what is not Caffe's: exact resuming.

Genuine Caffe's side is recorded in recorded/solvers.npz (`python record.py solvers` records it again) and computed
afresh where genuine Caffe is at hand.
"""
import os
import re
import weakref

import h5py
import numpy as np
import pytest
import torch

import caffe
import solver_runs
from caffe.errors import CaffeError
from caffe.layer import TABLE
from caffe.proto import caffe_pb2
from genuine import RECORD, SNAPSHOTS, error, genuine, log_lines, make_folders, needs_genuine, record_solvers
from solver_files import GOOD, in_a_folder_of_its_own, loud, write_solver  # noqa: F401  two are fixtures
from solver_runs import Batches, flat, make_solver


@pytest.fixture(scope="session")
def recorded():
    return dict(np.load(RECORD))


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
    record_solvers(tmp_path / "fresh.npz", tmp_path)
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
        'momentum: 0.9 iter_size: 2 max_iter: 12 test_iter: [2, 1] test_interval: 4 snapshot: 5 snapshot_format: %s %s '
        'display: 1 snapshot_prefix: "s"' % (kind, form, seed))
    Batches.position = 0
    whole = caffe.get_solver("solver.prototxt")
    whole.solve()
    log_of_whole = capfd.readouterr().err
    resumed = caffe.get_solver("solver.prototxt")
    Batches.position = 5 * 2 + 2 * 3  # 5 iterations and 2 tests of 3 batches
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


RECURRENT_NET = """
layer { name: "x" type: "DummyData" top: "x" top: "cont"
        dummy_data_param { shape { dim: 3 dim: 2 dim: 4 } shape { dim: 3 dim: 2 }
                           data_filler { type: "gaussian" } data_filler { value: 1 } } }
layer { name: "of/x" type: "LSTM" bottom: "x" bottom: "cont" top: "a"
        recurrent_param { num_output: 5 weight_filler { type: "gaussian" } } }
layer { name: "of_a" type: "RNN" bottom: "a" bottom: "cont" top: "b"
        recurrent_param { num_output: 2 weight_filler { type: "gaussian" } } }
layer { name: "loss" type: "Reduction" bottom: "b" top: "loss" loss_weight: 1 reduction_param { operation: SUMSQ } }
"""


@pytest.mark.parametrize("form", ["BINARYPROTO", "HDF5"])
def test_resuming_keeps_the_state_of_recurrent_layers(form, tmp_path):
    def weights(solver):
        return np.concatenate([blob.data.ravel() for blobs in solver.net.params.values() for blob in blobs])
    (tmp_path / "net.prototxt").write_text(RECURRENT_NET)
    (tmp_path / "solver.prototxt").write_text(
        'net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" random_seed: 1 max_iter: 6 snapshot: 3 '
        'snapshot_prefix: "s" snapshot_format: %s' % form)
    whole, resumed, damaged = (caffe.get_solver("solver.prototxt") for _ in range(3))
    whole.solve()
    state = "s_iter_3.solverstate" + (".h5" if form == "HDF5" else "")
    resumed.solve(state)
    assert np.array_equal(weights(resumed), weights(whole))
    if form == "HDF5":
        with h5py.File(state, "r+") as file:
            del file["carried/of/x/1"]
    else:
        proto = caffe_pb2.SolverState.FromString((tmp_path / state).read_bytes())
        proto.carried[0].blobs.pop()
        (tmp_path / state).write_bytes(proto.SerializeToString())
    with pytest.raises(CaffeError, match=r"of/x.*2 times streams x 5; in the solverstate there is \[\(2, 5\)\]"):
        damaged.restore(state)


# What is refused.


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


def test_training_that_keeps_less_makes_room_before_it_begins_anew():
    """Not of what a Python layer makes, which may read what it made before, nor of what a script holds."""
    solver, seen = make_solver("SGD"), []
    solver.keep = False
    blobs, held = solver.net.blobs, solver.net.blobs["two"].data
    solver.step(1)
    before = {name: weakref.ref(blob.tensor) for name, blob in blobs.items()}
    solver.net.before_forward(lambda index: seen.append([name for name in blobs if before[name]() is not None]))
    solver.step(1)
    assert list(blobs) == ["x", "one", "two", "loss"] and seen[0] == ["x", "two"]
    np.testing.assert_array_equal(held, blobs["two"].data)
    last = blobs["loss"].tensor.clone()
    solver.net.forward(end="bend")
    np.testing.assert_array_equal(blobs["loss"].data, last)  # which is not made anew


def test_actions(tmp_path):
    solver = make_solver("SGD", options='snapshot_prefix: "tiny" test_iter: 3 test_interval: 4')
    asked = iter([None] * 3 + [None, None, "snapshot"] + [None] * 2 + ["stop"] + [None] * 100)
    solver.action = lambda: next(asked)
    solver.solve()  # a test, two iterations, a snapshot; two more, and a test that is interrupted
    assert solver.iter == 4
    assert {path.name for path in tmp_path.glob("*.solverstate")} == {"tiny_iter_3.solverstate",
                                                                       "tiny_iter_4.solverstate"}
