"""Trains the project's full nets a little under whichever `caffe` Python finds: python net_parity.py NET OUT.npz

NET: pain, or face (for few identities). Everything random is taken out: dropout, mirroring, fillers. Writes a sample of
every blob's values after one pass; and then, of the net without its kinks, of every blob's gradients, and of every
weight's change after ITERATIONS: PReLUs begin as straight lines, and pooling takes the mean, for on which side of 0 a
value lies, or which of two is the larger, can be up to rounding. Runs under genuine Caffe's Python and under the
engine's.
"""
import os
import re
import sys
import tempfile
import zlib
from pathlib import Path

import caffe
import numpy as np

from support.caffe_runs import write_samples
from support.project import ROOT

ITERATIONS, BATCH, SAMPLES, IDENTITIES = 10, 4, 40, 10
NETS = {"pain": "pain_regression.prototxt", "face": "face_verification.prototxt"}
SOLVER = 'net: "%s" base_lr: %g lr_policy: "fixed" momentum: 0.9 weight_decay: 0.0005 random_seed: 1 %s'


def net_text(name):
    """The prototxt of the net, with nothing random in it."""
    text = (ROOT / "prototxt" / NETS[name]).read_text().replace("10572", str(IDENTITIES))
    text = re.sub(r"dropout_ratio: [\d.]+", "dropout_ratio: 1e-9", text).replace("mirror: true", "mirror: false")
    return re.sub(r"batch_size: \d+", "batch_size: %d" % BATCH, text)


def sample(array):
    """Some values of the array, the same ones each time, and the largest one's size last."""
    flat = np.ravel(array)
    chosen = flat[np.linspace(0, flat.size - 1, 15).astype(int)]
    return np.append(chosen, np.abs(flat).max()).astype(np.float32)


def run(name, folder):
    """What the net computes: dict, "data/blob", "diff/blob", "change/layer/i" -> sample."""
    random = np.random.RandomState(0)
    images = random.randint(0, 256, (SAMPLES, 3, 112, 96)).astype(np.uint8)
    write_samples(folder / "train_lmdb", images, random.randint(0, 6, SAMPLES).tolist())
    (folder / "net.prototxt").write_text(net_text(name))
    stages = 'train_state { stage: "smooth_l1" stage: "center_l1" }' if name == "pain" else ""
    rate = 1e-4 if name == "pain" else 1e-6
    (folder / "solver.prototxt").write_text(SOLVER % (folder / "net.prototxt", rate, stages))
    here = os.getcwd()
    os.chdir(str(folder))  # where the nets look for train_lmdb
    solver, _ = make_solver()
    solver.net.forward()
    found = {"data/" + blob: sample(values.data) for blob, values in solver.net.blobs.items()}
    (folder / "net.prototxt").write_text(net_text(name).replace("pool: MAX", "pool: AVE"))
    solver, before = make_solver()
    solver.net.forward()
    solver.net.backward()
    found.update({"diff/" + blob: sample(values.diff) for blob, values in solver.net.blobs.items()})
    solver.step(ITERATIONS)
    for layer, blobs in solver.net.params.items():
        for i, blob in enumerate(blobs):
            key = "%s/%d" % (layer, i)
            found["change/" + key] = sample(blob.data - before[key])
    os.chdir(here)
    return found


def make_solver():
    """The solver of the working directory with its weights drawn, and a copy of each: dict, "layer/i" -> array."""
    solver = caffe.SGDSolver("solver.prototxt")
    before = {}
    for layer, blobs in solver.net.params.items():
        for i, blob in enumerate(blobs):
            shape = blob.data.shape
            values = np.random.RandomState(zlib.crc32(("%s/%d" % (layer, i)).encode()))
            if len(shape) > 1:
                blob.data[...] = values.normal(0, np.sqrt(1 / np.prod(shape[1:])), shape)
            else:
                blob.data[...] = 1 if layer.startswith("relu") else 0
            before["%s/%d" % (layer, i)] = blob.data.copy()
    return solver, before


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        np.savez_compressed(sys.argv[2], **run(sys.argv[1], Path(temporary)))
