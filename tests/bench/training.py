"""Training beside plain PyTorch on the same cores, turn by turn: tests/bench/training.py [ROUNDS]

Seconds of an iteration of the full net (batch 64), of the wall clock and of the processor: medians; and how many times
as fast the engine is as each, the median of the rounds. The peers (bench/gpu.py) are given their batch, and neither
Python layers nor Caffe's solver. ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 ATEN_CPU_CAPABILITY=avx2 in the
environment imitate a CPU without AVX-512.
"""
import os
import statistics
import sys
import tempfile
from pathlib import Path

import caffe
import torch
from torch import nn

from bench.gpu import BATCH, plain_net, write_training
from bench.runtimes import timed
from support.project import ROOT


def plain_step(layout):
    images = (torch.rand(BATCH, 3, 112, 96) * 2 - 1).contiguous(memory_format=layout)
    labels = (torch.arange(BATCH) % 6).float()
    net = plain_net()
    net(images[:2])
    net.to(memory_format=layout)
    solver = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4)

    def step():
        solver.zero_grad(set_to_none=False)
        loss = nn.functional.smooth_l1_loss(5 * net(images).ravel(), labels)
        loss.backward()
        solver.step()
        return loss.item()
    return step


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    os.environ["GLOG_minloglevel"] = "2"
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as folder:
        write_training(Path(folder))
        os.chdir(folder)
        solver = caffe.get_solver("solver.prototxt")
        solver.keep = False
        steps = {"engine": lambda: solver.step(1), "PyTorch": plain_step(torch.contiguous_format),
                 "PyTorch, channels-last": plain_step(torch.channels_last)}
        took = {name: [] for name in steps}
        for step in steps.values():
            step()
        for _ in range(rounds):
            for name, step in steps.items():
                took[name].append(timed(step, 1))
        os.chdir("/")
    for name, times in took.items():
        wall, processor = (statistics.median(each) for each in zip(*times))
        ratios = (statistics.median(other[i] / own[i] for other, own in zip(times, took["engine"])) for i in range(2))
        print("training iteration, %-23s %5.2f s, %5.2f of the processor; engine %.2f times as fast, %.2f"
              % (name, wall, processor, *ratios), flush=True)


if __name__ == "__main__":
    main()
