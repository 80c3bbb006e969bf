"""The engine on real CUDA: every parity case and program against genuine Caffe, and trainings. Skipped without one."""
import os

import numpy as np
import pytest
import torch

import caffe
import parity
import solver_runs
from caffe import context, stretches
from command_runs import folder, process, run  # noqa: F401  two are fixtures
from genuine import CASES, RECORD, AsGenuine, error
from solver_runs import flat, make_solver

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")


@pytest.fixture(autouse=True)
def gpu(monkeypatch):
    """Nets on the first GPU, also those of scripts that call set_mode_cpu()."""
    monkeypatch.setattr(context, "_settings", dict(context._settings))
    monkeypatch.setattr(caffe, "set_mode_cpu", lambda: None)
    monkeypatch.setattr(context, "set_mode_cpu", lambda: None)
    caffe.set_device(0)
    caffe.set_mode_gpu()


class TestOnCuda(AsGenuine):
    pass


@pytest.mark.parametrize("family, case", CASES, ids=[case.name for _, case in CASES])
def test_recorded_as_not_recorded(family, case, monkeypatch):
    monkeypatch.setattr(stretches, "LEAST", 1)

    def run():
        caffe.set_random_seed(3)
        return parity.run(case._replace(steps=5))
    recorded = run()
    monkeypatch.setattr(context, "GRAPHS", False)
    for key, array in run().items():
        assert error(recorded[key], array) < 1e-5, key


@pytest.mark.parametrize("case", solver_runs.CASES)
def test_weights_after_20_iterations(case):
    record = dict(np.load(RECORD))
    solver = make_solver(*solver_runs.CASES[case])
    solver.step(20)
    assert solver.history[0].is_cuda
    assert error(flat(solver.net), record["weights"][list(record["names"]).index(case)]) < 1e-4


NET = """
layer { name: "data" type: "DummyData" top: "x" top: "label" dummy_data_param {
        shape { dim: 8 dim: 3 dim: 33 dim: 29 } shape { dim: 8 }
        data_filler { type: "gaussian" } data_filler { value: 2 } } }
layer { name: "conv" type: "Convolution" bottom: "x" top: "conv"
        convolution_param { num_output: 16 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "prelu" type: "PReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "dropout" type: "Dropout" bottom: "pool" top: "pool" }
layer { name: "ip" type: "InnerProduct" bottom: "pool" top: "ip"
        inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""
SOLVER = ('net: "cuda.prototxt" base_lr: 0.01 momentum: 0.9 lr_policy: "fixed" max_iter: 20 random_seed: 5 '
          'snapshot: 10 snapshot_prefix: "cuda"')


def trained(*flags):
    """The weights that `caffe train -gpu 0` ends with, in a process of its own: cuBLAS is told once what to do."""
    write(NET)
    status, said = process("engine", "train", "-solver", "cuda_solver.prototxt", "-gpu", "0", *flags)
    assert status == 0, said
    net = caffe.Net("cuda.prototxt", caffe.TRAIN, weights="cuda_iter_20.caffemodel")
    return np.concatenate([blob.data.ravel() for blobs in net.params.values() for blob in blobs])


def write(net):
    for name, text in ("cuda.prototxt", net), ("cuda_solver.prototxt", SOLVER):
        with open(name, "w") as file:
            file.write(text)


def test_training_is_deterministic_and_resumes_exactly():
    whole = trained("-deterministic")
    assert np.array_equal(trained("-deterministic"), whole)
    os.unlink("cuda_iter_20.caffemodel")
    assert np.array_equal(trained("-deterministic", "-snapshot", "cuda_iter_10.solverstate"), whole)


@pytest.mark.parametrize("flag, bound", [("-tf32", 0.01), ("-bf16", 0.05)])
def test_less_precision_stays_near(flag, bound):
    assert error(trained(flag), trained()) < bound


def test_graphs_train_to_the_same_weights(monkeypatch):
    recorded = trained()
    monkeypatch.setenv("CAFFE_GRAPHS", "0")
    assert error(recorded, trained()) < 1e-4


@pytest.mark.parametrize("dtype, bound", [(torch.float32, 1e-5), (torch.bfloat16, 0.01)])
@pytest.mark.parametrize("shape", [(3, 5, 7, 9), (2, 130, 6, 5), (16, 64, 40, 40), (1, 1, 1, 1)])
def test_kernels(shape, dtype, bound):
    """Values and gradients of PReLU and biases, against PyTorch's in float64."""
    kernels = pytest.importorskip("caffe.kernels")
    torch.manual_seed(0)
    x, grad = (torch.randn(shape, device="cuda", dtype=dtype).contiguous(memory_format=torch.channels_last)
               for _ in range(2))
    slope, bias = (torch.randn(shape[1], device="cuda").to(kind) for kind in (torch.float32, dtype))
    inputs = [tensor.requires_grad_() for tensor in (x, slope, bias)]
    exact = [tensor.detach().double().requires_grad_() for tensor in inputs]
    y = kernels.AddBias.apply(kernels.PReLU.apply(x, slope), bias)
    expected = torch.nn.functional.prelu(exact[0], exact[1]) + exact[2].reshape(-1, 1, 1)
    for found, wanted in zip((y, *torch.autograd.grad(y, inputs, grad)),
                             (expected, *torch.autograd.grad(expected, exact, grad.double()))):
        assert found.shape == wanted.shape
        assert (found - wanted).abs().max() < bound * wanted.abs().max()


def test_an_iteration_waits_for_the_loss_alone():
    """PyTorch itself raises at any other wait. The net's data is on the device already."""
    write(NET.replace('{ type: "gaussian" }', "{ value: 0.5 }"))
    solver = caffe.get_solver("cuda_solver.prototxt")
    solver.step(5)
    settle = solver.net.context.settle

    def allowed(*loss):
        torch.cuda.set_sync_debug_mode("default")
        try:
            return settle(*loss)
        finally:
            torch.cuda.set_sync_debug_mode("error")
    solver.net.context.settle = allowed
    torch.cuda.set_sync_debug_mode("error")
    try:
        solver.step(3)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_out_of_memory_names_the_layer():
    write(NET.replace("dim: 8 ", "dim: 100 ").replace("dim: 33 dim: 29", "dim: 900 dim: 900"))
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(2**29 / torch.cuda.get_device_properties(0).total_memory)
    try:
        with pytest.raises(caffe.CaffeError, match=r"^layer \w+ \(\w+\): there is not enough memory; [^\n]*$"):
            caffe.Net("cuda.prototxt", caffe.TRAIN).forward()
    finally:
        torch.cuda.set_per_process_memory_fraction(1.)
        torch.cuda.empty_cache()


def test_device_query_and_time(run):
    status, said = run("device_query", "-gpu", "all")
    assert status == 0 and torch.cuda.get_device_name(0) in said
    assert run("time", "-model", "net.prototxt", "-iterations", "2", "-gpu", "0")[0] == 0
