"""Trains a tiny net, under whichever `caffe` Python finds, on numbers that are the same everywhere.

    python solver_runs.py weights OUT.npz          the weights after 20 iterations of every case
    python solver_runs.py snapshot FOLDER...       in each, 10 iterations, snapshot, 10 more: snapshot and end.npy
    python solver_runs.py resume FOLDER...         in each, from that snapshot, 10 more: resumed.npy
    python solver_runs.py log                      a whole training, for its log

A folder is named TYPE-FORMAT, as SGD-HDF5.

Runs under genuine Caffe's Python 3.9 and under the engine's. tests/test_solvers.py compares the two.
"""
import sys
from pathlib import Path

import numpy as np

import caffe

NET = """
name: "tiny"
layer { name: "batches" type: "Python" top: "x" python_param { module: "solver_runs" layer: "Batches" } }
layer { name: "one" type: "InnerProduct" bottom: "x" top: "one" param { lr_mult: 1 } param { lr_mult: 2 decay_mult: 0 }
        inner_product_param { num_output: 4 weight_filler { value: 0.2 } } }
layer { name: "bend" type: "Sigmoid" bottom: "one" top: "one" }
layer { name: "two" type: "InnerProduct" bottom: "one" top: "two" param { name: "w" lr_mult: 0.5 decay_mult: 3 }
        inner_product_param { num_output: 3 weight_filler { value: -0.3 } } }
layer { name: "loss" type: "Power" bottom: "two" top: "loss" loss_weight: 2 power_param { power: 2 shift: 0.1 } }
layer { name: "three" type: "Sigmoid" bottom: "two" top: "three" include { phase: TEST stage: "more" } }
"""

TYPES = {"SGD": "momentum: 0.9", "Nesterov": "momentum: 0.9", "AdaGrad": "delta: 0.01", "RMSProp": "rms_decay: 0.9",
         "AdaDelta": "momentum: 0.95 delta: 0.001", "Adam": "momentum: 0.9 momentum2: 0.99 delta: 0.0001"}
POLICIES = {
    "fixed": "", "step": "gamma: 0.5 stepsize: 6", "exp": "gamma: 0.9", "inv": "gamma: 0.2 power: 0.75",
    "multistep": "gamma: 0.3 stepvalue: 4 stepvalue: 5 stepvalue: 15", "poly": "power: 1.5",
    "sigmoid": "gamma: 0.4 stepsize: 8"}
OPTIONS = {"l1": 'weight_decay: 0.05 regularization_type: "L1"', "l2": "weight_decay: 0.05",
           "iter_size": "iter_size: 3", "clip": "clip_gradients: 0.3",
           "all": "weight_decay: 0.02 iter_size: 2 clip_gradients: 0.2 average_loss: 3"}
CASES = {"%s %s" % (kind, policy): (kind, policy, "") for kind in TYPES for policy in POLICIES}
CASES.update({"%s %s" % (kind, name): (kind, "fixed", options) for kind in TYPES for name, options in OPTIONS.items()})


class Batches(caffe.Layer):
    """Batches of 5 rows of 3 numbers; `position` is the next one's, and what it is made of."""

    position = 0

    def setup(self, bottom, top):
        pass

    def reshape(self, bottom, top):
        top[0].reshape(5, 3)

    def forward(self, bottom, top):
        batches = sys.modules["solver_runs"].Batches  # not that of __main__
        top[0].data[...] = np.random.RandomState(batches.position).normal(size=(5, 3))
        batches.position += 1

    def backward(self, top, propagate_down, bottom):
        pass


class InfiniteAtThird(caffe.Layer):
    """Hands its bottom on, and at the third time an infinite number in it."""

    def setup(self, bottom, top):
        self.calls = 0

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].data.shape)

    def forward(self, bottom, top):
        self.calls += 1
        top[0].data[...] = bottom[0].data
        if self.calls == 3:
            top[0].data[0, 0] = np.inf

    def backward(self, top, propagate_down, bottom):
        bottom[0].diff[...] = top[0].diff


def make_solver(kind, policy="fixed", options="", folder="."):
    """The solver of a case, with weights that are the same everywhere."""
    from solver_runs import Batches
    folder = Path(folder)
    (folder / "net.prototxt").write_text(NET)
    (folder / "solver.prototxt").write_text(
        'net: "%s" base_lr: 0.05 lr_policy: "%s" %s type: "%s" %s max_iter: 20 solver_mode: CPU random_seed: 1 %s\n'
        % (folder / "net.prototxt", policy, POLICIES[policy], kind, TYPES[kind], options))
    solver = caffe.get_solver(str(folder / "solver.prototxt"))
    Batches.position, random = 0, np.random.RandomState(1)
    for blob in learned(solver.net):
        blob.data[...] = random.normal(size=blob.data.shape)
    return solver


def learned(net):
    return [blob for name in ("one", "two") for blob in net.params[name]]


def flat(net):
    """All weights in a row."""
    return np.concatenate([blob.data.ravel() for blob in learned(net)])


def weights(out):
    """Write the weights of every case, and the learning rate after it."""
    rows, rates = [], []
    for kind, policy, options in CASES.values():
        solver = make_solver(kind, policy, options)
        solver.step(20)
        rows.append(flat(solver.net))
        rates.append(solver.lr)
    np.savez_compressed(out, names=np.array(list(CASES)), weights=np.array(rows), rates=np.array(rates, np.float32))


def snapshot(*folders):
    for folder in map(Path, folders):
        kind, form = folder.name.split("-")
        solver = make_solver(kind, "multistep", 'snapshot_prefix: "%s/tiny" snapshot_diff: true snapshot_format: %s'
                             % (folder, form), folder)
        solver.step(10)
        solver.snapshot()
        solver.step(10)
        np.save(str(folder / "end.npy"), flat(solver.net))


def resume(*folders):
    from solver_runs import Batches
    for folder in map(Path, folders):
        kind, form = folder.name.split("-")
        solver = make_solver(kind, "multistep", folder=folder)
        solver.restore(str(folder / ("tiny_iter_10.solverstate" + (".h5" if form == "HDF5" else ""))))
        assert solver.iter == 10
        Batches.position = 10
        solver.step(10)
        np.save(str(folder / "resumed.npy"), flat(solver.net))


def log():
    solver = make_solver("SGD", "multistep", 'snapshot_prefix: "tiny" snapshot: 8 average_loss: 3 debug_info: true '
                         "display: 5 test_iter: 2 test_iter: 1 test_interval: 10 test_compute_loss: true "
                         'clip_gradients: 0.5 test_state { stage: "more" } test_state { }')
    solver.solve()


def main():
    sys.path.insert(0, str(Path(__file__).parent))
    {"weights": weights, "snapshot": snapshot, "resume": resume, "log": log}[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
