"""Recorded work (caffe/graphs.py) on the make-believe GPU: the bits of what is done as it is, whatever scripts do."""
import gc
import weakref

import numpy as np
import pytest
import torch

import caffe
import parity
import pretend_device
import scripts
import solver_runs
from caffe import context, stretches
from caffe.errors import CaffeError
from genuine import CASES, PROGRAMS, assert_same, recorded, seen
from pretend_device import Graph, gpu  # noqa: F401  a fixture
from solver_runs import make_solver

PASSES = 5


def with_and_without(run, monkeypatch):
    """What run() returns with graphs and without, and how many were recorded."""
    found = run()
    made, Graph.made = Graph.made, 0
    with monkeypatch.context() as without:
        without.setattr(context, "GRAPHS", False)
        plain = run()
    assert not Graph.made
    return found, plain, made


def flat(net):
    """All weights in a row."""
    return np.concatenate([blob.data.ravel() for blobs in net.params.values() for blob in blobs])


def assert_same_bits(one, other):
    assert set(one) == set(other)
    for key in one:
        assert np.array_equal(one[key], other[key], equal_nan=True), key


@pytest.mark.parametrize("family, case", CASES, ids=[case.name for _, case in CASES])
def test_every_layer_computes_the_same(family, case, monkeypatch):
    monkeypatch.setattr(stretches, "LEAST", 1)

    def run():
        caffe.set_random_seed(3)
        return parity.run(case._replace(steps=PASSES))
    found, plain, _ = with_and_without(run, monkeypatch)
    assert_same_bits(found, plain)


@pytest.mark.parametrize("least, most", [(1, 1), (1, 3)])
@pytest.mark.parametrize("module, name", PROGRAMS, ids=["-".join(program) for program in PROGRAMS])
def test_programs_as_genuine_caffe(module, name, least, most, monkeypatch):
    monkeypatch.setattr(stretches, "LEAST", least)
    monkeypatch.setattr(stretches, "MOST", most)
    assert_same(scripts.run(scripts.programs(module)[name]), seen(module)[name])


@pytest.mark.parametrize("most", [2, 24])
@pytest.mark.parametrize("case", solver_runs.CASES)
def test_trainings_have_the_same_weights(case, most, monkeypatch):
    monkeypatch.setattr(stretches, "MOST", most)

    def run():
        solver = make_solver(*solver_runs.CASES[case])
        solver.step(12)
        return {"weights": solver_runs.flat(solver.net)}
    found, plain, made = with_and_without(run, monkeypatch)
    assert_same_bits(found, plain)
    assert made


CONVOLUTIONS = [case for family, case in CASES if family == "convolution"]


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=[case.name for case in CONVOLUTIONS])
def test_channels_last_is_as_genuine_caffe(case, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    for key, array in parity.run(case).items():
        assert np.abs(array - recorded("convolution")[case.name + "/" + key]).max(initial=0) < 1e-3, key


# What is recorded, and when.

NET = """
layer { name: "x" type: "DummyData" top: "x" top: "label" dummy_data_param {
        shape { dim: 4 dim: 3 dim: 6 dim: 6 } shape { dim: 4 }
        data_filler { type: "gaussian" } data_filler { value: 1 } } }
layer { name: "conv" type: "Convolution" bottom: "x" top: "conv"
        convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "prelu" type: "PReLU" bottom: "conv" top: "conv" }
layer { name: "dropout" type: "Dropout" bottom: "conv" top: "dropout" }
layer { name: "ip" type: "InnerProduct" bottom: "dropout" top: "ip"
        inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def solver_of(net=NET, more=""):
    with open("net.prototxt", "w") as file:
        file.write(net)
    with open("solver.prototxt", "w") as file:
        file.write('net: "net.prototxt" base_lr: 0.1 momentum: 0.9 lr_policy: "fixed" random_seed: 2 display: 0 '
                   'snapshot_prefix: "s" max_iter: 99 ' + more)
    return caffe.get_solver("solver.prototxt")


def test_forward_backward_and_update_are_recorded_once():
    solver = solver_of()
    solver.step(2)
    assert Graph.made == 3
    solver.step(9)
    assert Graph.made == 3


@pytest.mark.parametrize("change", [
    lambda solver: solver.net.blobs["conv"].data,
    lambda solver: solver.net.params["conv"][0].data,
    lambda solver: solver.net.params["ip"][0].diff,
    lambda solver: solver.net.forward(),
    lambda solver: solver.net.forward(end="dropout"),
    lambda solver: solver.net.reshape(),
    lambda solver: solver.net.after_forward(lambda layer: None),
    lambda solver: setattr(solver, "keep", False),
    lambda solver: solver.net.copy_from(solver_of().net.save("w.caffemodel") or "w.caffemodel"),
    lambda solver: solver.snapshot() or solver.restore("s_iter_6.solverstate"),
    lambda solver: solver.share_weights(solver_of(NET.replace("gaussian", "uniform")).net),
    lambda solver: setattr(solver.param, "base_lr", 0.01),
    lambda solver: setattr(solver.net, "debug_info", True),
], ids="values weight gradient forward part reshape callback keep weights restore share rate debug".split())
def test_whatever_scripts_change(change, monkeypatch):
    def run():
        solver = solver_of()
        held = []
        for step in range(8):
            solver.step(2)
            if step == 2:
                held.append(change(solver))
        return {"weights": flat(solver.net), "conv": solver.net.blobs["conv"].data}
    found, plain, made = with_and_without(run, monkeypatch)
    assert_same_bits(found, plain)
    assert made >= 3


def test_a_held_array_that_is_written_before_a_backward_counts(monkeypatch):
    def run():
        net, seen = solver_of().net, {}
        conv, dropped = net.blobs["conv"].data, net.blobs["dropout"].data
        slopes = [blob.diff for blobs in net.params.values() for blob in blobs]
        for step in range(6):
            net.clear_param_diffs()
            net.forward()
            dropped[...] = step
            conv[0] = -1
            net.backward()
            seen[str(step)] = np.concatenate([slope.ravel() for slope in slopes])
        return seen
    found, plain, made = with_and_without(run, monkeypatch)
    assert_same_bits(found, plain)
    assert made == 2


def test_other_shapes_are_recorded_anew(monkeypatch):
    net_text = NET.replace('"DummyData"', '"Input"').replace("dummy_data_param", "input_param").split("data_filler")[0]
    net_text += "} }" + NET.split("value: 1 } } }")[1]

    def run():
        net, seen = solver_of(net_text).net, {}
        for step, size in enumerate([4] * 4 + [2] * 4 + [4] * 4):
            net.blobs["x"].reshape(size, 3, 6, 6)
            net.blobs["label"].reshape(size)
            net.blobs["x"].data[...] = np.random.RandomState(step).normal(size=(size, 3, 6, 6))
            net.forward()
            net.backward()
            seen[str(step)] = np.concatenate([net.blobs["ip"].data.ravel(), net.blobs["ip"].diff.ravel()])
        return seen
    found, plain, made = with_and_without(run, monkeypatch)
    assert_same_bits(found, plain)
    assert made == 3 * 2


def test_what_cannot_be_recorded_is_done_as_it_is(monkeypatch):
    solver = solver_of()
    compute, calls = solver.net.nodes[2].layer.compute, []
    monkeypatch.setattr(solver.net.nodes[2].layer, "compute",
                        lambda x, slope: calls.append(x.sum().item()) or compute(x, slope))
    solver.step(5)
    assert len(calls) == 5 and Graph.made == 1  # the update
    plain = solver_of()
    plain.step(5)
    assert np.array_equal(flat(solver.net), flat(plain.net))


def test_a_loss_that_is_not_finite_names_the_iteration_and_the_layer():
    solver = solver_of()
    solver.step(5)
    solver.net.params["ip"][0].data[0, 0] = np.inf
    with pytest.raises(CaffeError, match="Iteration 5: the loss is nan. Not finite first is layer ip .*blob 0"):
        solver.step(1)


def test_resumed_dropout_draws_what_it_would_have_drawn():
    whole = solver_of()
    whole.step(5)
    whole.snapshot()
    whole.step(5)
    resumed = solver_of()
    resumed.restore("s_iter_5.solverstate")
    resumed.step(5)
    assert np.array_equal(flat(whole.net), flat(resumed.net))


def test_dropout_is_the_same_where_pytorch_fills_new_memory(monkeypatch):
    """As -deterministic has it do: a graph would fill the memory of the random numbers after they are drawn."""
    monkeypatch.setattr(torch, "are_deterministic_algorithms_enabled", lambda: True)

    def run():
        solver = solver_of()
        solver.step(6)
        return {"weights": flat(solver.net)}
    found, plain, made = with_and_without(run, monkeypatch)
    assert_same_bits(found, plain)
    assert made == 3


def test_a_net_that_nobody_has_is_gone_at_once():
    gc.collect()
    gc.disable()
    try:
        solver = solver_of()
        solver.step(4)
        net = weakref.ref(solver.net)
        del solver
        assert net() is None
    finally:
        gc.enable()


def test_a_recording_does_nothing_and_refuses_the_host():
    x = torch.zeros(3, device=pretend_device.DEVICE)
    graph = Graph(lambda: x.add_(1).mul_(2))
    assert x.cpu().tolist() == [0, 0, 0]
    graph()
    graph()
    assert x.cpu().tolist() == [6, 6, 6]
    for work in x.cpu, x.sum().item, lambda: x.copy_(torch.ones(3)):
        with pytest.raises(RuntimeError, match="not permitted when stream is capturing"):
            Graph(work)
