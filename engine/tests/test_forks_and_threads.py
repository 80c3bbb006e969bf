"""Nets in forked children and in threads, and how programs end."""
import os
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest
from PIL import Image

import caffe
from caffe import turns
from genuine import GENUINE, HERE, PATIENCE, error, needs_genuine

MANY = 1000
SCRIPT = """
import multiprocessing, os, signal, sys, threading, time
import torch
import caffe

torch.set_num_threads(2)
nets = [caffe.Net(name, caffe.TRAIN) for name in ("images.prototxt", "big.prototxt")]

def work(_=None):
    losses = []
    for net in nets:
        losses.append(float(net.forward()["loss"]))
        net.backward()
    return losses

def train():
    caffe.get_solver("solver.prototxt").step(10 ** 9)

def forward():
    while True:
        nets[1].forward()

def build():
    while True:
        caffe.Net("images.prototxt", caffe.TRAIN).forward()

work()
threading.Thread(target=forward, daemon=True).start()
with multiprocessing.get_context("fork").Pool(2) as pool:
    found = pool.map_async(work, range(2), chunksize=1).get(60)
child = os.fork()
if not child:
    signal.alarm(60)
    work()
    sys.exit(3)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
print([found[0][0], work()[0]])
for target in train, build:
    threading.Thread(target=target, daemon=True).start()
time.sleep(.3)
"""
REST = """
layer { name: "conv" type: "Convolution" bottom: "x" top: "conv"
        convolution_param { num_output: 32 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip"
        inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""
IMAGES = """layer { name: "in" type: "ImageData" top: "x" top: "label"
                    image_data_param { source: "list" batch_size: 2 shuffle: true } }""" + REST
BIG = """layer { name: "in" type: "DummyData" top: "x" top: "label" dummy_data_param {
                 shape { dim: 4 dim: 8 dim: 40 dim: 40 } shape { dim: 4 }
                 data_filler { type: "gaussian" } data_filler { value: 1 } } }""" + REST
SOLVER = 'net: "big.prototxt" base_lr: 0 lr_policy: "fixed" display: 1 max_iter: 9 solver_mode: CPU'


def test_children_compute_and_the_program_ends_in_peace(tmp_path):
    """While threads run nets. Children have threads of data layers of their own."""
    random = np.random.RandomState(0)
    for i in range(5):
        Image.fromarray(random.randint(0, 255, (16, 16, 3)).astype(np.uint8)).save(str(tmp_path / ("%d.png" % i)))
    for name, text in (("list", "".join("%d.png %d\n" % (i, i % 3) for i in range(5))), ("images.prototxt", IMAGES),
                       ("big.prototxt", BIG), ("solver.prototxt", SOLVER)):
        (tmp_path / name).write_text(text)
    environment = dict(os.environ, OMP_NUM_THREADS="2", OMP_WAIT_POLICY="PASSIVE", GLOG_minloglevel="2",
                       PYTHONPATH=str(HERE.parent))
    found = subprocess.run([sys.executable, "-c", SCRIPT], cwd=tmp_path, env=environment, capture_output=True,
                           text=True, timeout=PATIENCE)
    assert (found.returncode, found.stderr) == (0, "")
    child, parent = eval(found.stdout)
    assert child == parent  # both read the batch that comes next


def test_nets_that_threads_drop_while_they_are_halted_are_freed_later(tmp_path):
    """Freed at the end of a program, outside the engine, a tensor could abort it."""
    (tmp_path / "net").write_text(BIG)
    nets = [caffe.Net(str(tmp_path / "net"), caffe.TEST) for _ in range(2)]
    blobs = [weakref.ref(net.blobs["x"]) for net in nets]
    with turns.others_halted():
        thread = threading.Thread(target=nets.pop)
        thread.start()
        thread.join()
        assert None not in [blob() for blob in blobs]
    nets.clear()
    assert [blob() for blob in blobs] == [None, None]


def compare(first, count, folder):
    """Run programs of calls under both, and compare what they saw."""
    runs = [subprocess.Popen([python, HERE / "call_programs.py", str(first), str(count), folder / name],
                             env=dict(os.environ, PYTHONPATH="%s:%s" % (HERE, path)))
            for python, path, name in ((GENUINE, HERE, "genuine.npz"), (sys.executable, HERE.parent, "engine.npz"))]
    assert [run.wait(3 * count + 120) for run in runs] == [0, 0]
    expected, found = np.load(folder / "genuine.npz"), np.load(folder / "engine.npz")
    assert found.files == expected.files
    for key in found:
        assert error(found[key], expected[key]) < 1e-4, key


@needs_genuine
@pytest.mark.parametrize("first, count", [(0, 7), (212, 1)])  # 212: a part's forward, then a whole backward
def test_programs_of_random_calls_see_what_genuine_caffe_has_them_see(tmp_path, first, count):
    compare(first, count, tmp_path)


@needs_genuine
@pytest.mark.full
def test_many_programs_of_random_calls(tmp_path):
    compare(8, MANY, tmp_path)
