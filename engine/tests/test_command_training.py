"""`caffe train` beside genuine Caffe's: its log, snapshots and weights, and the signals that it heeds."""
import functools
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from caffe.proto import caffe_pb2
from command_runs import (  # noqa: F401
    ENGINE,
    LAYERS,
    NET,
    PATIENCE,
    PREFIX,
    SOLVER,
    WHEN,
    both,
    folder,
    needs_genuine,
    only_line,
    process,
    run,
    start,
    status_of,
)

# What parse_log.py looks for.
ITERATION = re.compile(r"(\w+\.cpp:\d+)] Iteration (\d+)(?: \(\S+ iter/s, \S+s/\d+ iters\))?, (loss|lr) = (\S+)$")
TESTING = re.compile(r"(\w+\.cpp:\d+)] Iteration (\d+), Testing net \(#(\d+)\)$")
OUTPUT = re.compile(r"(\w+\.cpp:\d+)] {5}(Train|Test) net output #(\d+): (\w+) = (\S+)(?: \(\* (\S+) = (\S+) loss\))?$")


def records(said):
    """What a log says of the training, from "Starting Optimization" on: tuples of words and numbers, in order."""
    found = []
    for line in said[said.index("Starting Optimization"):].splitlines():
        for pattern in ITERATION, TESTING, OUTPUT:
            match = pattern.search(line)
            if match:
                found.append(tuple(float(part) if re.match(r"-?\d", part) else part for part in match.groups("")))
    return found


def same(ours, theirs):
    """Whether two lists of such tuples say the same, but for rounding."""
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs):
        assert [part if isinstance(part, str) else pytest.approx(part, rel=1e-4, abs=1e-6) for part in other] == [*mine]


def until_training(said):
    """What a log says, and from where, before the training, without when, and without the three lines that differ."""
    lines = [WHEN.sub("", line) for line in said[:said.index("Starting Optimization")].splitlines()]
    return [line for line in lines if line != '  stage: ""' and not re.search(r"caffe train|The NetState level", line)]


SHARED = """
layer { name: "relu" type: "ReLU" bottom: "y" top: "y" }
layer { name: "again" type: "InnerProduct" bottom: "x" top: "z" param { name: "w" }
        inner_product_param { num_output: 2 } }
layer { name: "other" type: "EuclideanLoss" bottom: "z" bottom: "label" top: "other" exclude { stage: "a" } }
layer { name: "last" type: "Silence" bottom: "z" include { stage: "a" not_stage: "b" } }
"""


@needs_genuine
def test_train_logs_as_genuine():
    shared = NET.replace('top: "y"', 'top: "y" param { name: "w" }', 1) % ""
    Path("net.prototxt").write_text(shared.replace('layer { name: "loss"', SHARED + 'layer { name: "loss"'))
    weights = caffe_pb2.NetParameter.FromString(Path("tiny.caffemodel").read_bytes())
    weights.layer.add(name="elsewhere", type="InnerProduct")
    Path("more.caffemodel").write_bytes(weights.SerializeToString())
    args = "train", "-solver", "solver.prototxt", "-weights", "tiny.caffemodel,more.caffemodel", "-stage", "a"
    ours, theirs = process("engine", *args), process("genuine", *args)
    assert ours[0] == theirs[0] == 0
    assert until_training(ours[1]) == until_training(theirs[1])
    for words in ("] Top shape: 4 2 (8)", "] Memory required for data: ", "] relu -> y (in-place)",
                  "] Sharing parameters 'w' owned by layer 'ip', param index 0", "] Ignoring source layer elsewhere",
                  "] ip needs backward computation.", "] This network produces output loss"):
        assert words in ours[1], words
    same(records(ours[1]), records(theirs[1]))
    assert len(records(ours[1])) == 25
    for words in ("] Use CPU.", "] Finetuning from tiny.caffemodel", "] Solver scaffolding done.", "] Solving tiny",
                  "] Learning Rate Policy: step", "] Snapshotting to binary proto file tiny_iter_10.caffemodel",
                  "] Optimization Done."):
        assert words in ours[1] and words in theirs[1], words
    assert all(PREFIX.match(line) for line in ours[1].splitlines() if "] " in line)


DATA_NET = """name: "p" layer { name: "x" type: "DummyData" top: "x" dummy_data_param { shape { dim: 2 dim: 3 }
  data_filler { type: "constant" value: 2 } } } layer { name: "ip" type: "InnerProduct" bottom: "x" top: "y"
  inner_product_param { num_output: 2 weight_filler { type: "constant" value: 1 } } }
  layer { name: "l" type: "Reduction" bottom: "y" top: "l" loss_weight: 2 }
  layer { name: "t" type: "Power" bottom: "y" top: "t" exclude { phase: TRAIN } }"""
LOGGED = {
    "all in one file": ("train_net_param { %s } test_net_param { %s debug_info: true } test_iter: 1 debug_info: true "
                        "clip_gradients: 0.1 lr_policy: 'multistep' stepvalue: 1 stepvalue: 3 display: 1"
                        % (DATA_NET, DATA_NET)),
    "the same net": ("net_param { %s } test_iter: [1, 2] test_compute_loss: true snapshot_format: HDF5 snapshot: 2 "
                     "lr_policy: 'fixed' display: 2 iter_size: 2" % DATA_NET),
    "other files": ("train_net: 'data.prototxt' test_net: 'data.prototxt' test_iter: 1 test_initialization: false "
                    "lr_policy: 'fixed' display: 3 type: 'Adam'")}


@needs_genuine
@pytest.mark.parametrize("name", LOGGED)
def test_every_line_names_the_place_that_genuine_names(name, run):
    """In a training, and in one that goes on from its snapshot."""
    Path("data.prototxt").write_text(DATA_NET)
    Path("logged.prototxt").write_text("base_lr: 0.01 gamma: 0.5 max_iter: 4 test_interval: 2 snapshot_prefix: 's' "
                                       "solver_mode: CPU " + LOGGED[name])

    def lines(said):
        found = [WHEN.sub("", line) for line in said.splitlines() if WHEN.match(line)]
        return [re.sub(r" \(\S+ iter/s, \S+s/|(?<=\.\d{3})\d+", "", line) for line in found
                if not re.match(r"command.py|hdf5.cpp|.*restoring history", line)]

    for provider in (run, functools.partial(process, "genuine")):
        logs = [provider("train", "-solver", "logged.prototxt")]
        if name != "all in one file":
            state, = Path().glob("s_iter_4.solverstate*")
            logs.append(provider("train", "-solver", "logged.prototxt", "-snapshot", state))
        if provider is run:
            ours = logs
    for (status, mine), (_, other) in zip(ours, logs):
        assert status == 0 and lines(mine) == lines(other)


def test_resuming_ends_in_the_same_bytes(run):
    assert run("train", "-solver", "solver.prototxt")[0] == 0
    wanted = Path("tiny_iter_10.caffemodel").read_bytes()
    Path("tiny_iter_10.caffemodel").unlink()
    Path("command_layers.py").write_text(LAYERS.replace("self.batch = 0", "self.batch = 5"))  # it counts on its own
    Path("solver.prototxt").write_text(SOLVER.replace("test_interval: 4", "test_interval: 100"))
    status, said = run("train", "-solver", "solver.prototxt", "-snapshot", "tiny_iter_5.solverstate")
    assert status == 0 and "Resuming from tiny_iter_5.solverstate" in said
    assert Path("tiny_iter_10.caffemodel").read_bytes() == wanted


def test_a_snapshot_counts_more_than_the_solvers_weights(run):
    assert run("train", "-solver", "solver.prototxt")[0] == 0
    Path("solver.prototxt").write_text(SOLVER + 'weights: "no"')
    assert run("train", "-solver", "solver.prototxt", "-snapshot", "tiny_iter_5.solverstate")[0] == 0
    assert run("train", "-solver", "solver.prototxt", "-weights", "tiny.caffemodel")[0] == 0
    assert run("train", "-solver", "solver.prototxt")[0] == 134


def test_of_several_weights_the_last_count(run):
    Path("solver.prototxt").write_text(SOLVER.replace("max_iter: 10", "max_iter: 1").replace("0.05", "0"))
    for weights, first in (("tiny.caffemodel", 1), ("tiny.caffemodel, later.caffemodel", 7)):
        later = caffe_pb2.NetParameter.FromString(Path("tiny.caffemodel").read_bytes())
        later.layer[0].blobs[0].data[0] = 7
        Path("later.caffemodel").write_bytes(later.SerializeToString())
        assert run("train", "-solver", "solver.prototxt", "-weights", weights)[0] == 0
        trained = caffe_pb2.NetParameter.FromString(Path("tiny_iter_1.caffemodel").read_bytes())
        assert next(layer for layer in trained.layer if layer.name == "ip").blobs[0].data[0] == first


def test_level_and_stages_reach_the_train_net(run):
    Path("net.prototxt").write_text(NET.replace("phase: TEST ", "") % "")
    assert "output #0: deep" not in run("train", "-solver", "solver.prototxt", "-stage", "a")[1]
    assert "Train net output #0: deep" in run("train", "-solver", "solver.prototxt", "-stage", "b,a", "-level", "2")[1]


def test_a_loss_that_is_not_finite_stops_it(run):
    Path("solver.prototxt").write_text(SOLVER.replace("base_lr: 0.05", "base_lr: 1e30"))
    status, said = run("train", "-solver", "solver.prototxt")
    assert status == 134
    only_line(said, r"Iteration \d+.*layer (ip|loss).*base_lr")


# Signals.

def until(running, said, text):
    """Read what the process says up to a line with this text."""
    for line in running.stdout:
        said.append(line)
        if text in line:
            return
    raise AssertionError("".join(said))


@pytest.fixture
def usual_signals():
    """What a process starts with does not ignore Ctrl-C or a hangup, as what nohup and cron start does."""
    numbers = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in numbers.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def train_with_signals(provider, args, *sent):
    """Train; send each of (signal, text), once the text has been logged. Returns status, log, snapshots' iterations."""
    with start(provider, "train", "-solver", "slow_solver.prototxt", *args) as running:
        said = []
        try:
            for number, text in sent:
                until(running, said, text)
                running.send_signal(number)
            said.append(running.communicate(timeout=PATIENCE)[0])
        finally:
            running.kill()
    snapshots = sorted(int(path.stem.rpartition("_")[2]) for path in Path().glob("*.solverstate"))
    assert len(list(Path().glob("*_iter_*.caffemodel"))) == len(snapshots)
    return status_of(running), "".join(said), snapshots


@both
def test_hangup_snapshots_and_ctrl_c_stops(provider, usual_signals):
    status, said, snapshots = train_with_signals(
        provider, (), (signal.SIGHUP, "Iteration 2, lr"), (signal.SIGINT, "Iteration 6, lr"))
    assert status == 0
    first, last = snapshots
    assert 3 <= first < last <= 9
    for words in ("solver.cpp:464] Snapshotting to binary proto file tiny_iter_%d.caffemodel" % last,
                  "solver.cpp:311] Optimization stopped early.", "caffe.cpp:250] Optimization Done."):
        assert words in said
    assert "Iteration 12" not in said


@both
def test_effects_can_be_chosen(provider, usual_signals):
    status, said, snapshots = train_with_signals(
        provider, ("-sigint_effect", "none", "--sighup_effect=stop"),
        (signal.SIGINT, "Iteration 2, lr"), (signal.SIGHUP, "Iteration 10, lr"))
    assert status == 0 and len(snapshots) == 1 and snapshots[0] >= 11
    assert "stopped early" in said


def test_ctrl_c_while_importing_ends_it_without_a_word(usual_signals):
    Path("torch.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(600)\n")
    running = subprocess.Popen([sys.executable, "-c", "import caffe_command; caffe_command.main()"], text=True,
                               env=dict(os.environ, PYTHONPATH=os.pathsep.join([os.getcwd(), str(ENGINE)])),
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert running.stdout.readline() == "importing\n"
    running.send_signal(signal.SIGINT)
    assert running.communicate(timeout=PATIENCE)[0] == ""
    assert running.returncode == -signal.SIGINT


def test_a_crash_in_a_library_is_told():
    Path("torch.py").write_text("import os, signal\ndef crash():\n    os.kill(os.getpid(), signal.SIGBUS)\ncrash()\n")
    ended = subprocess.run([sys.executable, "-c", "import caffe_command; caffe_command.main()"], text=True,
                           env=dict(os.environ, PYTHONPATH=os.pathsep.join([os.getcwd(), str(ENGINE)])),
                           stderr=subprocess.PIPE, timeout=PATIENCE)
    assert ended.returncode == -signal.SIGBUS
    assert ended.stderr.startswith("Fatal Python error: Bus error")
    assert 'torch.py", line 3 in crash' in ended.stderr


@both
def test_a_closed_pipe_ends_it_without_a_word(provider):
    with start(provider, "time", "-model", "slow.prototxt", "-iterations", "1000") as running:
        running.stdout.close()
    assert status_of(running) == 128 + signal.SIGPIPE
