"""Running the command `caffe`, the engine's and genuine Caffe's, in a folder with a small net: what tests of it share.

Where only its words and its status count, the engine's runs in this process: starting one takes a second.
"""
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import caffe
from caffe import command, log
from caffe.proto import caffe_pb2
from genuine import GENUINE, PATIENCE, needs_genuine

ENGINE = Path(caffe.__file__).parents[1]
PROVIDERS = {"engine": [sys.executable, "-m", "caffe"], "genuine": [str(GENUINE.with_name("caffe"))]}
both = pytest.mark.parametrize("provider", ["engine", pytest.param("genuine", marks=needs_genuine)])
needs_no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")

LAYERS = '''
import os
import time
import caffe
import numpy as np


class Data(caffe.Layer):
    """Rows of three numbers, and what is to be learned from them; each batch takes param_str seconds."""

    def setup(self, bottom, top):
        self.batch = 0

    def reshape(self, bottom, top):
        top[0].reshape(4, 3)
        top[1].reshape(4, 2)

    def forward(self, bottom, top):
        time.sleep(float(self.param_str or 0))
        top[0].data[...] = np.random.RandomState(self.batch).normal(size=(4, 3))
        top[1].data[...] = 2 * top[0].data[:, :2]
        self.batch += 1

    def backward(self, top, propagate_down, bottom):
        pass


class Faulty(Data):
    def forward(self, bottom, top):
        raise ValueError("out of beans")
'''
NET = """
name: "tiny"
layer { name: "data" type: "Python" top: "x" top: "label"
        python_param { module: "command_layers" layer: "Data" param_str: "%s" } }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "y"
        inner_product_param { num_output: 2 weight_filler { value: 0.1 } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "y" bottom: "label" top: "loss" loss_weight: 0.5 }
layer { name: "deep" type: "Power" bottom: "y" top: "deep" include { phase: TEST stage: "a" min_level: 2 } }
"""
DATA = NET[NET.index("layer"):NET.index('layer { name: "ip"')]
ZEROS = ('layer { name: "data" type: "Input" top: "x" top: "label" '
         "input_param { shape { dim: 4 dim: 3 } shape { dim: 4 dim: 2 } } }")
SOLVER = """
net: "net.prototxt"
base_lr: 0.05 lr_policy: "step" gamma: 0.5 stepsize: 4 momentum: 0.9 weight_decay: 0.001 average_loss: 3
max_iter: 10 display: 2 test_iter: 2 test_interval: 4 snapshot: 5 snapshot_prefix: "tiny" random_seed: 3
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with a net, solvers and weights, the current one; and the process as it was, afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("GLOG_minloglevel", "0")
    monkeypatch.setattr(log, "_file", None)
    for name, text in (("command_layers.py", LAYERS), ("net.prototxt", NET % ""), ("slow.prototxt", NET % "0.03"),
                       ("zeros.prototxt", NET.replace(DATA, ZEROS)),
                       ("faulty.prototxt", NET.replace('"Data"', '"Faulty"') % ""), ("solver.prototxt", SOLVER),
                       ("empty", ""), ("text", "nonsense")):
        (tmp_path / name).write_text(text)
    (tmp_path / "slow_solver.prototxt").write_text(
        SOLVER.replace('"net', '"slow').replace("test_interval: 4", "test_interval: 1000")
        .replace("snapshot: 5", "snapshot: 1000").replace("max_iter: 10", "max_iter: 1000"))
    (tmp_path / "zeros_solver.prototxt").write_text(SOLVER.replace('"net', '"zeros'))
    weights = caffe_pb2.NetParameter(name="tiny")
    weights.layer.add(name="ip", type="InnerProduct", blobs=[
        caffe_pb2.BlobProto(shape=caffe_pb2.BlobShape(dim=[2, 3]), data=[1, 2, 3, 4, 5, 6]),
        caffe_pb2.BlobProto(shape=caffe_pb2.BlobShape(dim=[2]), data=[.5, -.5])])
    (tmp_path / "tiny.caffemodel").write_bytes(weights.SerializeToString())
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)}
    yield tmp_path
    for number, handler in handlers.items():
        signal.signal(number, handler)
    if torch.are_deterministic_algorithms_enabled():
        torch.use_deterministic_algorithms(False)
    sys.modules.pop("command_layers", None)


def start(provider, *args):
    path = os.pathsep.join([os.getcwd()] + [str(ENGINE)] * (provider == "engine"))
    return subprocess.Popen([*PROVIDERS[provider], *map(str, args)], env=dict(os.environ, PYTHONPATH=path), text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def status_of(process):
    """As a shell has it: an abort is 134."""
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def process(provider, *args):
    """Run the command in a process of its own. Returns its status and what it said."""
    with start(provider, *args) as running:
        said = running.communicate(timeout=PATIENCE)[0]
    return status_of(running), said


@pytest.fixture
def run(monkeypatch, capfd):
    """Runs the engine's command, or another `main`, in this process. Returns its status and what it said."""
    def run(*args, main=command.main):
        monkeypatch.setattr(sys, "argv", ["caffe", *map(str, args)])
        monkeypatch.delitem(sys.modules, "command_layers", raising=False)
        capfd.readouterr()
        try:
            main()
            status = 0
        except SystemExit as end:
            status = end.code or 0
            if isinstance(status, str):  # the interpreter prints it, and exits with 1
                print(status, file=sys.stderr)
                status = 1
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        return status, captured.out + captured.err
    return run


def last_line(said):
    return said.splitlines()[-1]


def only_line(said, pattern):
    """The one F or ERROR line, which is the last and matches the pattern."""
    lines = [line for line in said.splitlines() if re.match(r"F\d{4} |ERROR", line)]
    assert lines == [last_line(said)]
    assert re.search(pattern, lines[0]), lines[0]


# glog's, before each message: when and by which thread; and with where in the sources.
WHEN = re.compile(r"[IWEF]\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ ", re.MULTILINE)
PREFIX = re.compile(WHEN.pattern + r"[\w.]+:\d+\] ")
