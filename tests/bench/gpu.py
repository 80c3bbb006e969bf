"""The engine on a GPU, next to the same net in plain PyTorch, in one run: tests/bench/gpu.py

Iterations a second of `caffe train -gpu 0` with the full pain net (batch 64, balanced batches, two losses of Python
layers), one training and several at a time; the time that the paper's 25 folds of 5,000 iterations would take; what a
GPU is busy with; and images a second of the deployed net. The peers have no data layer and no solver of Caffe's: a
batch that lies on the GPU, autograd, and torch.optim.SGD, each operation ordered by Python, or the whole iteration
recorded as one CUDA graph.
"""
import os
import re
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import caffe
import numpy as np
import torch
from caffe import context, solver_param, solvers
from torch import nn
from torch.profiler import ProfilerActivity, profile

from bench.engine import SOLVER
from support.caffe_runs import write_samples
from support.project import ROOT

BATCH, WARM_UP, ITERATIONS, DISPLAY = 64, 40, 140, 20
FOLDS_OF_5000 = 25 * 5000
FLOAT32, TF32, BF16 = MODES = "float32", "TF32", "bfloat16"
FLAGS = {FLOAT32: [], TF32: ["-tf32"], BF16: ["-bf16"]}
AT_A_TIME = {FLOAT32: (1, 2), TF32: (1, 4), BF16: (1, 2, 4, 6)}
KINDS = [("convolutions and inner products", "xmma|cutlass|convolve|cudnn|gemm|nvjet|cublas"),
         ("pooling", "pool"), ("PReLU and biases", "prelu|_add$|_column_sums|reduce_kernel"),
         ("batches and arrays to and from the GPU", "Memcpy [HD]to[DH]"), ("the update", "multi_tensor"), ("else", "")]
TIME = re.compile(r"(\d\d):(\d\d):([\d.]+) .*Iteration (\d+) .*loss = ")


class Residual(nn.Module):
    """Two convolutions and PReLUs beside a connection that skips them."""

    def __init__(self, channels):
        super().__init__()
        self.inside = nn.Sequential(*[part for _ in range(2) for part in (
            nn.Conv2d(channels, channels, 3, padding=1), nn.PReLU(channels))])

    def forward(self, x):
        return x + self.inside(x)


def plain_net():
    """prototxt/pain_regression.prototxt's layers, as anyone would write them in PyTorch."""
    parts, before = [nn.Conv2d(3, 32, 3), nn.PReLU(32)], 32
    for channels, residuals in (64, 1), (128, 2), (256, 5), (512, 3):
        parts += [nn.Conv2d(before, channels, 3), nn.PReLU(channels), nn.MaxPool2d(2, ceil_mode=True)]
        parts += [Residual(channels) for _ in range(residuals)]
        before = channels
    return nn.Sequential(*parts, nn.Flatten(), nn.LazyLinear(50), nn.PReLU(50), nn.Dropout(), nn.Linear(50, 1),
                         nn.Sigmoid())


def plain_step(mode):
    """A function that does a training iteration in plain PyTorch, in the layout that is quicker; returns the loss."""
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = mode == TF32
    layout = torch.contiguous_format if mode == FLOAT32 else torch.channels_last
    images = (torch.rand(BATCH, 3, 112, 96, device="cuda") * 2 - 1).contiguous(memory_format=layout)
    labels = (torch.arange(BATCH, device="cuda") % 6).float()
    net = plain_net().cuda()
    net(images)
    net.to(memory_format=layout)
    solver = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4)

    def step():
        solver.zero_grad(set_to_none=False)
        with torch.autocast("cuda", torch.bfloat16, enabled=mode == BF16):
            loss = nn.functional.smooth_l1_loss(5 * net(images).float().ravel(), labels)
        loss.backward()
        solver.step()
        return loss
    return step


def as_a_graph(step):
    """The same step, recorded."""
    apart = torch.cuda.Stream()
    with torch.cuda.stream(apart):
        for _ in range(3):
            step()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step()

    def replay():
        graph.replay()
        return loss
    return replay


def rate(step, count=40):
    """How often a second step() can be called, its loss being looked at each time, as a solver does."""
    for _ in range(5):
        step()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(count):
        step().item()
    return count / (time.perf_counter() - start)


def write_training(folder):
    """Write a small LMDB of random images, and the solver of the full net with both losses. Returns its path."""
    random = np.random.RandomState(0)
    write_samples(folder / "train_lmdb", random.randint(0, 256, (192, 3, 112, 96)).astype(np.uint8),
                  [i % 6 for i in range(192)])
    settings = re.sub(r"max_iter.*|snapshot.*|net:.*|display.*", "", SOLVER.read_text())
    solver = folder / "solver.prototxt"
    solver.write_text('%s max_iter: %d display: %d snapshot_after_train: false snapshot_prefix: "bench" net: "%s"'
                      % (settings, WARM_UP + ITERATIONS, DISPLAY, ROOT / "prototxt" / "pain_regression.prototxt"))
    return solver


def engine_rate(solver, mode, at_a_time=1, **environment):
    """Iterations a second of `at_a_time` trainings together, while all of them run, but for the first ones."""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
                       OMP_NUM_THREADS=str(max(1, os.cpu_count() // at_a_time)), **environment)
    logs = [(solver.parent / ("%d.log" % k)).open("w+") for k in range(at_a_time)]
    trainings = [subprocess.Popen([sys.executable, "-m", "caffe", "train", "-solver", str(solver), "-gpu", "0",
                                   *FLAGS[mode]], cwd=str(solver.parent), env=environment, stderr=log) for log in logs]
    statuses = [training.wait() for training in trainings]
    curves = []  # of each training: (seconds, iteration)
    for status, log in zip(statuses, logs):
        log.seek(0)
        text = log.read()
        assert status == 0, text[-2000:]
        found = np.array([[float(part) for part in match] for match in TIME.findall(text)])
        curves.append((found[:, :3] @ [3600, 60, 1], found[:, 3]))
    begin = max(seconds[iterations >= WARM_UP][0] for seconds, iterations in curves)
    end = min(seconds[-1] for seconds, _ in curves)
    return sum(np.diff(np.interp([begin, end], *curve))[0] for curve in curves) / (end - begin)


def what_bounds(solver, mode):
    """Print of one training how long an iteration takes, and for how long of that the GPU is busy with what."""
    os.environ["GLOG_minloglevel"] = "2"
    os.chdir(solver.parent)
    sys.path.insert(0, str(ROOT))
    caffe.set_mode_gpu()
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = mode == TF32
    with context.autocast(torch.bfloat16 if mode == BF16 else None):
        training = solvers.get_solver(solver_param.read_param(str(solver)))
    training.keep = False
    training.step(30)
    torch.cuda.synchronize()
    start = time.perf_counter()
    training.step(50)
    torch.cuda.synchronize()
    lapse = (time.perf_counter() - start) / 50
    warnings.filterwarnings("ignore", "Profiler clears events")
    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        training.step(5)
        torch.cuda.synchronize()
    spent = dict.fromkeys((kind for kind, _ in KINDS), 0.)
    for row in seen.key_averages():
        kind = next(kind for kind, pattern in KINDS if re.search(pattern, row.key))
        spent[kind] += row.self_device_time_total / 5000
    print("          %.1f ms an iteration, the GPU busy for %.1f (%.1f GB): %s"
          % (1000 * lapse, sum(spent.values()), torch.cuda.max_memory_reserved() / 2**30,
             ", ".join("%s %.2f" % pair for pair in spent.items())), flush=True)


def deploy_rates(tf32):
    """Print images a second of the deployed net, from arrays to arrays: what predict and predict_video wait for.

    MTCNN's nets are TensorFlow's, which pip has for the CPU alone; they are not in these figures.
    """
    os.environ["GLOG_minloglevel"] = "2"
    caffe.set_mode_gpu()
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = tf32
    net = caffe.Net(str(ROOT / "prototxt" / "pain_regression.prototxt"), caffe.TEST, stages=["deploy"])
    for batch in 1, 16, 64:
        images = np.random.RandomState(0).randint(0, 256, (batch, 3, 112, 96))
        net.blobs["pixels"].reshape(*images.shape)

        def run(images=images):
            net.blobs["pixels"].data[...] = images
            return torch.from_numpy(net.forward()["intensity"][0])
        print("          deployed, %s, %d at a time: %.0f images/s"
              % (TF32 if tf32 else FLOAT32, batch, batch * rate(run)))


def apart(part, *arguments):
    """Do a part of the benchmark in a process of its own, which has a GPU's memory for itself."""
    subprocess.run([sys.executable, __file__, part, *map(str, arguments)], check=True)


def bench():
    properties = torch.cuda.get_device_properties(0)
    print("%s, %.0f GB, CUDA %s, cuDNN %s" % (properties.name, properties.total_memory / 2**30, torch.version.cuda,
                                              torch.backends.cudnn.version()), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        solver = write_training(Path(folder))
        for mode in reversed(MODES):
            apart("plain", mode)
            apart("bounds", solver, mode)
            for at_a_time in AT_A_TIME[mode]:
                ours = engine_rate(solver, mode, at_a_time)
                print("%-9s engine, %d at a time: %.1f iterations/s, 25 folds in %.1f minutes"
                      % (mode, at_a_time, ours, FOLDS_OF_5000 / ours / 60), flush=True)
        print("%-9s engine, 1 at a time, without graphs: %.1f iterations/s"
              % (BF16, engine_rate(solver, BF16, CAFFE_GRAPHS="0")), flush=True)
    apart("deploy")


def main():
    name, *arguments = sys.argv[1:] or ["bench"]
    if name == "plain":
        mode, = arguments
        eager = plain_step(mode)
        print("%-9s plain PyTorch: %.1f iterations/s, recorded as a graph: %.1f"
              % (mode, rate(eager), rate(as_a_graph(eager))), flush=True)
    elif name == "bounds":
        what_bounds(Path(arguments[0]), arguments[1])
    elif name == "deploy":
        deploy_rates(False)
        deploy_rates(True)
    else:
        bench()


if __name__ == "__main__":
    main()
