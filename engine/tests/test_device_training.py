"""Trainings and the command on a make-believe GPU: the steps of genuine Caffe, and no copy that need not be."""
import os
import re

import h5py
import numpy as np
import pytest
import torch

import caffe
import pretend_device
import solver_runs
from caffe import command
from command_runs import folder, last_line, run  # noqa: F401  fixtures
from genuine import RECORD, error
from pretend_device import gpu  # noqa: F401  a fixture
from solver_runs import flat, make_solver

CASES = ["%s %s" % (kind, case) for kind in solver_runs.TYPES for case in ("all",)] + ["SGD l1", "Adam multistep"]
STATES = ["SGD-HDF5", "Adam-BINARYPROTO"]


@pytest.fixture(scope="module")
def recorded():
    return dict(np.load(RECORD))


# Solvers.

@pytest.mark.parametrize("case", CASES)
def test_weights_after_20_iterations(case, recorded):
    solver = make_solver(*solver_runs.CASES[case])
    solver.step(20)
    assert solver.history[0].device.type == pretend_device.NAME
    assert error(flat(solver.net), recorded["weights"][list(recorded["names"]).index(case)]) < 1e-4


def test_snapshots_of_both_formats(recorded, tmp_path):
    """Its own, and genuine Caffe's."""
    for name in STATES:
        (tmp_path / name).mkdir()
    solver_runs.snapshot(*STATES)
    solver_runs.resume(*STATES)
    for name in STATES:
        assert error(np.load(name + "/end.npy"), recorded[name + "/end"]) < 1e-4
        assert error(np.load(name + "/resumed.npy"), recorded[name + "/end"]) < 1e-4
        for key in recorded:
            if key.startswith(name + "/tiny"):
                (tmp_path / key).write_bytes(recorded[key].tobytes())
    solver_runs.resume(*STATES)
    for name in STATES:
        assert error(np.load(name + "/resumed.npy"), recorded[name + "/end"]) < 1e-4


def test_callbacks_of_the_solver_see_and_change_gradients():
    solver, seen = make_solver("SGD"), []
    slope = solver.net.params["one"][0].diff

    def ready():
        seen.append(np.abs(slope).max())
        slope[...] = 0
    before = solver.net.params["one"][0].data.copy()
    solver.add_callback(lambda: None, ready)
    solver.step(2)
    assert min(seen) > 0 and np.array_equal(solver.net.params["one"][0].data, before)


# What crosses in an iteration: the batch in, and the loss out.

LAYERS = """
layer { name: "data" type: "HDF5Data" top: "x" top: "label" hdf5_data_param { source: "list" batch_size: 4 } }
layer { name: "conv" type: "Convolution" bottom: "x" top: "conv" convolution_param { num_output: 6 kernel_size: 3 pad: 1
        weight_filler { type: "xavier" } } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "conv" }
layer { name: "scale" type: "Scale" bottom: "conv" top: "conv" scale_param { bias_term: true } }
layer { name: "prelu" type: "PReLU" bottom: "conv" top: "conv" }
layer { name: "lrn" type: "LRN" bottom: "conv" top: "lrn" }
layer { name: "max" type: "Pooling" bottom: "lrn" top: "max" pooling_param { kernel_size: 3 stride: 2 } }
layer { name: "average" type: "Pooling" bottom: "max" top: "average"
        pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 2 } }
layer { name: "any" type: "Pooling" bottom: "max" top: "any"
        pooling_param { pool: STOCHASTIC kernel_size: 2 stride: 1 } }
layer { name: "sum" type: "Eltwise" bottom: "average" bottom: "any" top: "sum" }
layer { name: "slice" type: "Slice" bottom: "sum" top: "s0" top: "s1" }
layer { name: "concat" type: "Concat" bottom: "s1" bottom: "s0" top: "concat" }
layer { name: "dropout" type: "Dropout" bottom: "concat" top: "concat" }
layer { name: "ip" type: "InnerProduct" bottom: "concat" top: "ip"
        inner_product_param { num_output: 5 weight_filler { type: "msra" } } }
layer { name: "flat" type: "Flatten" bottom: "concat" top: "flat" }
layer { name: "embed" type: "Embed" bottom: "label" top: "embed" embed_param { input_dim: 5 num_output: 5 } }
layer { name: "more" type: "Eltwise" bottom: "ip" bottom: "embed" top: "more" }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "more" bottom: "label" top: "loss" }
layer { name: "hinge" type: "HingeLoss" bottom: "ip" bottom: "label" top: "hinge" loss_weight: 0.1 }
layer { name: "accuracy" type: "Accuracy" bottom: "more" bottom: "label" top: "accuracy" }
layer { name: "silence" type: "Silence" bottom: "flat" }
"""


def native_solver(kind="SGD", more=""):
    with h5py.File("batches.h5", "w") as file:
        file["x"] = np.random.RandomState(0).normal(size=(12, 3, 9, 9)).astype("f4")
        file["label"] = np.arange(12) % 5
    for name, text in (("list", "batches.h5"), ("net.prototxt", LAYERS), ("solver.prototxt",
                       'net: "net.prototxt" type: "%s" base_lr: 0.01 lr_policy: "fixed" weight_decay: 0.01 %s'
                       % (kind, more))):
        with open(name, "w") as file:
            file.write(text)
    return caffe.get_solver("solver.prototxt")


@pytest.mark.parametrize("kind, keep", [("SGD", True), *((kind, False) for kind in solver_runs.TYPES)])
def test_an_iteration_copies_the_batch_in_and_the_loss_out(kind, keep):
    solver = native_solver(kind)
    solver.keep = keep
    solver.step(1)
    pretend_device.copies.clear()
    solver.step(3)
    assert pretend_device.copies == {"to device": 3 * 2, "to host": 3}
    float(solver.net.blobs["loss"].data)
    assert pretend_device.copies == {"to device": 3 * 2, "to host": 3 + 1}


def test_batches_come_from_pinned_memory(monkeypatch):
    pinned = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: pinned.append(tensor.shape) or tensor.clone())
    solver = native_solver()
    solver.step(1)
    solver.net.nodes[0].layer._reader.shutdown()  # what it reads ahead is read
    assert pinned[:2] == [(4, 3, 9, 9), (4,)] and len(pinned) == 2 * (1 + solver.net.param.layer[0].data_param.prefetch)


def test_clipping_and_iter_size_add_a_wait_and_the_batches():
    solver = native_solver(more="clip_gradients: 0.1 iter_size: 2")
    solver.step(1)
    pretend_device.copies.clear()
    solver.step(1)
    assert pretend_device.copies == {"to device": 2 * 2, "to host": 2, "wait": 1}


def test_outputs_and_gradients_stay_on_the_device():
    net = native_solver().net
    net.run_forward()
    net.run_backward()
    for blob in [*net.blobs.values(), *(blob for blob, _ in net.learnable)]:
        for tensor in blob.tensor, blob.grad:
            assert tensor.device.type == pretend_device.NAME and tensor.dtype == torch.float32


def test_a_python_layer_copies_what_it_looks_at():
    """Here the top that it fills, to the device; to the host comes the loss alone, for the array of the top stays."""
    solver = make_solver("SGD")
    solver.step(1)
    pretend_device.copies.clear()
    solver.step(1)
    assert pretend_device.copies == {"to device": 1, "to host": 1}


# The command.

def used_gpu(said):
    assert "Use CPU." not in said
    return [line.partition("Using GPUs ")[2] for line in said.splitlines() if "Using GPUs" in line]


def end_of(*names):
    """The weights in files that a training has written."""
    net = caffe.Net("net.prototxt", caffe.TEST)
    found = []
    for name in names:
        net.copy_from(name)
        found.append(np.concatenate([blob.data.ravel() for blob in net.params["ip"]]))
    return found


def test_train_as_on_the_cpu(run, monkeypatch):
    with monkeypatch.context() as cpu:
        cpu.setitem(caffe.context._settings, "device", torch.device("cpu"))
        status, said_cpu = run("train", "-solver", "solver.prototxt")
        assert status == 0
    os.rename("tiny_iter_10.caffemodel", "cpu.caffemodel")
    status, said = run("train", "-solver", "solver.prototxt", "-gpu", "0")
    assert status == 0 and used_gpu(said) == ["0"]
    on_cpu, on_gpu = end_of("cpu.caffemodel", "tiny_iter_10.caffemodel")
    assert error(on_gpu, on_cpu) < 1e-5 and np.abs(on_cpu).max() > 0.1

    status, said = run("train", "-solver", "solver.prototxt", "-snapshot", "tiny_iter_5.solverstate", "-gpu", "0")
    assert status == 0 and "Iteration 8, Testing net" in said


def test_solver_mode_in_the_prototxt(run):
    with open("solver.prototxt", "a") as file:
        file.write("solver_mode: GPU device_id: 1")
    status, said = run("train", "-solver", "solver.prototxt")
    assert status == 0 and used_gpu(said) == ["1"]


@pytest.mark.parametrize("flag", ["all", "0,1"])
def test_several_gpus_train_together(run, flag, monkeypatch):
    chosen = []
    monkeypatch.setattr(command, "train_together", lambda flags, param, signals, gpus: chosen.append(gpus))
    status, said = run("train", "-solver", "solver.prototxt", "-gpu", flag)
    assert status == 0 and used_gpu(said) == ["0, 1"] and chosen == [[0, 1]]


def test_test(run):
    status, said = run("test", "-model", "net.prototxt", "-weights", "tiny.caffemodel", "-iterations", "2", "-gpu", "1")
    assert status == 0 and "loss = " in last_line(said)


def test_time_waits_after_each_layer(run, gpu):
    assert run("time", "-model", "net.prototxt", "-iterations", "2", "-gpu", "1")[0] == 0
    layers = 3
    assert gpu == [1] * (1 + 2 * 2 * layers)


def test_device_query(run):
    status, said = run("device_query", "-gpu", "all")
    assert status == 0
    for words in "Device id: +0", "Device id: +1", "Name: +Pretend", "Total global memory: +%d" % 2 ** 40:
        assert re.search(words, said), words


def test_no_such_gpu(run):
    status, said = run("train", "-solver", "solver.prototxt", "-gpu", "7")
    assert status == 134 and last_line(said).endswith("no GPU 7; there are 0 to 1")


def test_tf32_is_asked_for(run):
    for more, allowed in ((), False), (("-tf32",), True):
        assert run("time", "-model", "net.prototxt", "-iterations", "1", "-gpu", "0", *more)[0] == 0
        assert torch.backends.cudnn.allow_tf32 is torch.backends.cuda.matmul.allow_tf32 is allowed


def test_deterministic_is_said_before_cuda_starts(run, monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8")
    assert run("time", "-model", "net.prototxt", "-iterations", "1", "-gpu", "0", "-deterministic")[0] == 0
    assert torch.are_deterministic_algorithms_enabled()
