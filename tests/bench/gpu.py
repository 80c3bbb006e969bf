"""The engine on a GPU, next to the same net in plain PyTorch: tests/bench/gpu.py [TRAININGS_AT_A_TIME ...]

Iterations a second of `caffe train -gpu 0` with the full pain net (batch 64, balanced batches, two losses), one
training at a time and several, and the hours that the paper's 25 folds of 5,000 iterations would take. The peer has
no data layer and no solver of Caffe's: a batch that lies on the GPU, autograd, and torch.optim.SGD.
"""
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bench.engine import SOLVER
from support.caffe_runs import write_samples
from support.project import ROOT

BATCH, WARM_UP, ITERATIONS = 64, 40, 200
FOLDS_OF_5000 = 25 * 5000
FLOAT32, TF32, BF16 = MODES = "float32", "TF32", "bfloat16"
FLAGS = {FLOAT32: [], TF32: ["-tf32"], BF16: ["-bf16"]}


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


def plain_rate(mode):
    """Iterations a second of plain PyTorch."""
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = mode == TF32
    images = torch.rand(BATCH, 3, 112, 96, device="cuda") * 2 - 1
    labels = torch.arange(BATCH, device="cuda") % 6
    net = plain_net().cuda()
    net(images)
    solver = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4)
    start = 0
    for i in range(WARM_UP + ITERATIONS):
        if i == WARM_UP:
            torch.cuda.synchronize()
            start = time.perf_counter()
        solver.zero_grad()
        with torch.autocast("cuda", torch.bfloat16, enabled=mode == BF16):
            loss = nn.functional.smooth_l1_loss(5 * net(images).float().ravel(), labels.float())
        loss.backward()
        solver.step()
        loss.item()  # as a solver that looks whether it is finite
    return ITERATIONS / (time.perf_counter() - start)


def engine_rate(folder, solver, mode, at_a_time=1):
    """Iterations a second of `at_a_time` trainings together."""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    logs = [(Path(folder) / ("%d.log" % k)).open("w+") for k in range(at_a_time)]
    trainings = [subprocess.Popen([sys.executable, "-m", "caffe", "train", "-solver", str(solver), "-gpu", "0",
                                   *FLAGS[mode]], cwd=str(folder), env=environment, stderr=log) for log in logs]
    statuses = [training.wait() for training in trainings]
    rate = 0
    for status, log in zip(statuses, logs):
        log.seek(0)
        text = log.read()
        assert status == 0, text[-2000:]
        times = [3600 * int(hours) + 60 * int(minutes) + float(seconds) for hours, minutes, seconds in
                 re.findall(r"(\d\d):(\d\d):([\d.]+) .*Iteration \d+ .*loss = ", text)]
        rate += ITERATIONS / ((times[-1] - times[-1 - ITERATIONS // 20]) % 86400)
    return rate


def main():
    print("%s, %d cores, PyTorch %s" % (torch.cuda.get_device_name(0), os.cpu_count(), torch.__version__))
    with tempfile.TemporaryDirectory() as folder:
        random = np.random.RandomState(0)
        write_samples(Path(folder) / "train_lmdb", random.randint(0, 256, (192, 3, 112, 96)).astype(np.uint8),
                      [i % 6 for i in range(192)])
        settings = re.sub(r"max_iter.*|snapshot.*|net:.*|display.*", "", SOLVER.read_text())
        solver = Path(folder) / "solver.prototxt"
        solver.write_text('%s max_iter: %d display: 20 snapshot_after_train: false snapshot_prefix: "bench" net: "%s"'
                          % (settings, WARM_UP + ITERATIONS, ROOT / "prototxt" / "pain_regression.prototxt"))
        for mode in MODES:
            plain = plain_rate(mode)
            torch.cuda.empty_cache()
            print("%-9s plain PyTorch: %.1f iterations/s" % (mode, plain))
            for at_a_time in map(int, sys.argv[1:] or (1, 2, 4)):
                ours = engine_rate(folder, solver, mode, at_a_time)
                print("          engine, %d at a time: %.1f iterations/s (%.2f x): 25 folds in %.2f h"
                      % (at_a_time, ours, ours / plain, FOLDS_OF_5000 / ours / 3600), flush=True)


if __name__ == "__main__":
    main()
