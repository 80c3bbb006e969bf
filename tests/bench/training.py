"""Training beside plain PyTorch on the same cores, turn by turn: tests/bench/training.py [ROUNDS]

Seconds of an iteration of the full net (batch 64), of the wall clock and of the processor: medians; and how many times
as fast the engine is as each, the median of the rounds. The peers (bench/gpu.py) are given their batch, and neither
Python layers nor Caffe's solver.

How much of the hardware that uses: GFLOP/s of an iteration, next to those of a large matrix product. Two are counted
for each multiplication that the net's definition takes, so that whoever has it done with fewer can have more of them.
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

SIDE = 2048  # of the matrices


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


def work(net):
    """FLOP of an iteration: of products with weights, their gradients, and their inputs' where those are wanted."""
    return sum(2 * (2 + node.needs[0]) * node.layer.blobs[0].count * node.tops[0].count // node.tops[0].shape[1]
               for node in net.nodes if node.layer.type in ("Convolution", "InnerProduct"))


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
        flop, matrices = work(solver.net), torch.rand(2, SIDE, SIDE)
        took, products = {name: [] for name in steps}, []
        for step in steps.values():
            step()
        for _ in range(rounds):
            products.append(timed(lambda: torch.mm(*matrices), 4))
            for name, step in steps.items():
                took[name].append(timed(step, 1))
        os.chdir("/")
    most = [4 * 2e-9 * SIDE ** 3 / statistics.median(each) for each in zip(*products)]
    print("\nTraining beside plain PyTorch: medians of %d rounds. An iteration is %.0f GFLOP; a matrix product makes "
          "%.0f GFLOP/s, %.0f of the processor" % (rounds, 1e-9 * flop, *most))
    for name, times in took.items():
        wall, processor = (statistics.median(each) for each in zip(*times))
        ratios = (statistics.median(other[i] / own[i] for other, own in zip(times, took["engine"])) for i in range(2))
        speeds = [1e-9 * flop / seconds for seconds in (wall, processor)]
        print("%-23s %5.2f s, %5.2f of the processor, %3.0f GFLOP/s, %3.0f of the processor, %.2f of the product's; "
              "engine %.2f times as fast, %.2f" % (name, wall, processor, *speeds, speeds[1] / most[1], *ratios),
              flush=True)


if __name__ == "__main__":
    main()
