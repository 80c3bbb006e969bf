"""Several processes that train together: the same steps as one process with an iter_size; one ends, all end."""
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import caffe
from caffe.proto import caffe_pb2
from command_runs import ENGINE, only_line, process, run, start, status_of  # noqa: F401
from data_nets import datums, images, make_lmdb
from genuine import PATIENCE

DATA = 'name: "pixels" type: "Data" data_param { source: "db" backend: LMDB batch_size: 32 }'
PYTHON = 'name: "pixels" type: "Python" python_param { module: "shared_data" layer: "Shared" }'
NET = """layer { %s top: "pixels" top: "label" transform_param { scale: 0.01 } }
layer { name: "hidden" type: "InnerProduct" bottom: "pixels" top: "hidden" inner_product_param { num_output: 30
        weight_filler { type: "xavier" } } }
layer { name: "tanh" type: "TanH" bottom: "hidden" top: "hidden" }
layer { name: "again" type: "InnerProduct" bottom: "hidden" top: "again" param { name: "w" } inner_product_param {
        num_output: 30 weight_filler { type: "xavier" } } }
layer { name: "shared" type: "InnerProduct" bottom: "again" top: "score" param { name: "w" } inner_product_param {
        num_output: 30 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "score" bottom: "label" top: "loss" }
"""
SOLVER = """net: "net.prototxt" base_lr: 0.01 momentum: 0.9 weight_decay: 0.001 lr_policy: "fixed" max_iter: 20
display: 1 random_seed: 3 snapshot: 10 snapshot_prefix: "it" """
LAYER = """
import os, time
import caffe, numpy as np

class Shared(caffe.Layer):
    def setup(self, bottom, top):
        self.made = 0

    def reshape(self, bottom, top):
        top[0].reshape(32, 3, 4, 4)
        top[1].reshape(32)

    def forward(self, bottom, top):
        if os.environ.get("WRONG_FROM") == "%d of %d" % (self.made, caffe.solver_rank()):
            raise ValueError("no more pixels")
        time.sleep(float(os.environ.get("SLOW", 0)))
        random = np.random.RandomState(caffe.solver_count() * self.made + caffe.solver_rank())
        top[1].data[...] = random.randint(10, size=32)
        top[0].data[...] = random.rand(32, 3, 4, 4) + top[1].data.reshape(-1, 1, 1, 1)
        self.made += 1

    def backward(self, top, propagate_down, bottom):
        pass
"""


SCRIPT = """
import multiprocessing, sys
import caffe

def solve(uid, rank):  # as BVLC's python/train.py does
    caffe.set_mode_cpu()
    caffe.set_solver_count(2)
    caffe.set_solver_rank(rank)
    caffe.set_multiprocess(True)
    solver = caffe.SGDSolver("solver.prototxt")
    if sys.argv[1:]:
        solver.restore(sys.argv[1])
    nccl = caffe.NCCL(solver, uid)
    nccl.bcast()
    solver.add_callback(nccl)
    if solver.param.layer_wise_reduce:
        solver.net.after_backward(nccl)
    solver.step(solver.param.max_iter - solver.iter)

if __name__ == "__main__":
    uid = caffe.NCCL.new_uid()
    caffe.log("Using devices [0, 1]")
    ranks = [multiprocessing.Process(target=solve, args=(uid, rank), daemon=True) for rank in (0, 1)]
    for each in ranks: each.start()
    for each in ranks: each.join()
    sys.exit(sum(each.exitcode for each in ranks))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, value in (("OMP_NUM_THREADS", "1"), ("GLOG_minloglevel", "0"),
                        ("PYTHONPATH", os.pathsep.join([str(tmp_path), str(ENGINE)]))):
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(tmp_path))
    make_lmdb("db", datums(images(30, 3, 4, 4)))  # fewer than a batch: the ranks go round and round
    Path("shared_data.py").write_text(LAYER)
    yield
    sys.modules.pop("shared_data", None)
    caffe.set_solver_count(1)
    caffe.set_solver_rank(0)


def write(data, solver=""):
    Path("net.prototxt").write_text(NET % data)
    Path("solver.prototxt").write_text(SOLVER + solver)


def trained():
    net = caffe_pb2.NetParameter.FromString(Path("it_iter_20.caffemodel").read_bytes())
    return np.concatenate([blob.data for layer in net.layer for blob in layer.blobs])


@pytest.mark.parametrize("data, kind, by_layers", [
    (DATA, "SGD", "true"), (PYTHON, "Adam", "false"), pytest.param(DATA, "Adam", "true", marks=pytest.mark.full),
    pytest.param(PYTHON, "SGD", "true", marks=pytest.mark.full)], ids=str)
def test_two_ranks_are_one_process_with_an_iter_size_of_2(data, kind, by_layers, run):  # noqa: F811
    solver = 'type: "%s" layer_wise_reduce: %s' % (kind, by_layers)
    write(data, solver)
    status, said = process("engine", "train", "-solver", "solver.prototxt", "-cpu-ranks", 2)
    assert status == 0 and said.count("] Iteration ") == 41 and said.count("Optimization Done.") == 2
    together = trained()
    write(data, solver + " iter_size: 2")
    assert run("train", "-solver", "solver.prototxt")[0] == 0
    assert np.abs(together - trained()).max() < 1e-6
    assert np.abs(together).max() > 0.1


def test_ranks_of_a_script_go_on_from_the_snapshot_of_one_process(run):  # noqa: F811
    write(DATA)
    Path("together.py").write_text(SCRIPT)
    write(DATA, "iter_size: 2")
    assert run("train", "-solver", "solver.prototxt")[0] == 0
    alone = trained()
    write(DATA)
    Path("it_iter_20.caffemodel").unlink()
    subprocess.run([sys.executable, "together.py", "it_iter_10.solverstate"], check=True, timeout=PATIENCE)
    assert np.abs(trained() - alone).max() < 1e-6


def test_the_others_are_left_before_the_program_ends():
    """While Python ends, Gloo's threads abort the program about once in ten times."""
    write(DATA)
    script = """import atexit
from torch import distributed
atexit.register(lambda: print(distributed.is_initialized()))
import caffe
caffe.NCCL(caffe.get_solver("solver.prototxt"), caffe.NCCL.new_uid()).bcast()
print(distributed.is_initialized())"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=PATIENCE)
    assert done.stdout.split() == ["True", "False"]


def until_it_trains(first):
    """The process ids of the other ranks, once the first has logged an iteration."""
    assert any("] Iteration 1," in line for line in first.stdout)
    return list(map(int, Path("/proc/%d/task/%d/children" % (first.pid, first.pid)).read_text().split()))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no /proc here")
@pytest.mark.parametrize("victim", [1, pytest.param(0, marks=pytest.mark.full)])
def test_a_rank_that_is_killed_ends_all(victim, monkeypatch):
    monkeypatch.setenv("SLOW", "0.3")
    write(PYTHON)
    with start("engine", "train", "-solver", "solver.prototxt", "-cpu_ranks", 3) as first:
        others = until_it_trains(first)
        os.kill([first.pid, *others][victim], signal.SIGKILL)
        said = first.stdout.read()
    assert len(others) == 2
    until = time.monotonic() + PATIENCE
    while any(map(runs, others)):
        assert time.monotonic() < until
        time.sleep(.01)
    if victim:
        assert status_of(first) == 134
        only_line(said, "rank 1: it was ended by signal 9; go on with -snapshot")


def runs(pid):
    try:
        return Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_an_error_of_one_rank_is_that_of_the_training(monkeypatch):
    monkeypatch.setenv("WRONG_FROM", "3 of 1")
    write(PYTHON)
    with start("engine", "train", "-solver", "solver.prototxt", "-cpu_ranks", 2) as first:
        said = first.stdout.read()
    assert status_of(first) == 134
    only_line(said, "rank 1: ValueError: no more pixels.*Shared")


@pytest.mark.parametrize("args, said", [(("-cpu_ranks", "0"), "-cpu_ranks must be 1 or more"),
                                        (("-cpu_ranks", "2", "-gpu", "0"), "no GPU here|-cpu_ranks is for the CPU")])
def test_what_is_wrong_with_the_ranks(args, said, run):  # noqa: F811
    write(DATA)
    status, log = run("train", "-solver", "solver.prototxt", *args)
    assert status == 134
    only_line(log, said)


def test_an_uid_that_is_none():
    write(DATA)
    with pytest.raises(caffe.CaffeError, match="none of NCCL.new_uid"):
        caffe.NCCL(caffe.get_solver("solver.prototxt"), "here")
