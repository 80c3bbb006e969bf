"""The engine against genuine Caffe on the same cores, turn by turn: tests/bench/engine.py [ROUNDS]

Training iterations of the full pain net (batch 64, balanced batches, two losses), of the wall clock and of the
processor, the memory that takes, deploy's forward, and how long `caffe train` takes to its first iteration. Medians of
all rounds, and ratios genuine / engine.
"""
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from caffe.command import cpu_has_bf16

from support.caffe_runs import write_samples
from support.project import BVLC, ENGINE, ROOT

SOLVER = ROOT / "prototxt" / "solvers" / "smooth_l1_center_l1_sampling.prototxt"
ITERATIONS = 3
CAFFES = {"genuine": [str(BVLC / "caffe")], "engine": [str(ENGINE / "caffe")],
          **({"engine bf16": [str(ENGINE / "caffe"), "-bf16"]} if cpu_has_bf16() else {})}
FORWARD = """
import os, sys, time
os.environ["GLOG_minloglevel"] = "2"
import caffe
net = caffe.Net(sys.argv[1], caffe.TEST, stages=["deploy"])
net.blobs["pixels"].reshape(int(sys.argv[2]), 3, 112, 96)
net.reshape()
for _ in range(int(sys.argv[3]) + 1):
    start = time.time()
    net.forward()
    print(time.time() - start)
"""


def train(caffe, folder, solver):
    """Run `caffe train`. Returns seconds to the first iteration; of each later one, and of the processor's for it; and
    peak memory in MiB."""
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    start = time.time()
    process = subprocess.Popen([*caffe, "train", "-solver", str(solver)], cwd=str(folder), env=environment,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, universal_newlines=True)
    times, processor, log = [], [], []
    for line in process.stderr:
        log.append(line)
        if re.search(r"Iteration \d+ .*loss = ", line):
            times.append(time.time())
            fields = Path("/proc/%d/stat" % process.pid).read_text().rpartition(")")[2].split()
            processor.append(sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK"))
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0 and len(times) > 0, "".join(log[-20:])
    return times[0] - start, list(np.diff(times)), list(np.diff(processor)), usage.ru_maxrss / 1024


def forward(python, batch, count):
    """Seconds of each of `count` forward passes of the deploy net, after a first one."""
    out = subprocess.check_output([str(python), "-c", FORWARD, str(ROOT / "prototxt" / "pain_regression.prototxt"),
                                   str(batch), str(count)], universal_newlines=True, stderr=subprocess.DEVNULL)
    return [float(line) for line in out.split()][1:]


def report(what, figures, unit):
    """Print each caffe's median and genuine's as a multiple of it."""
    medians = {name: statistics.median(values) for name, values in figures.items() if values}
    print("%-29s" % what + "   ".join("%s %.3g %s%s" % (
        name, value, unit, "" if name == "genuine" else " (%.2f x)" % (medians["genuine"] / value))
        for name, value in medians.items()), flush=True)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    print("The full net next to genuine Caffe: medians of %d rounds" % rounds, flush=True)
    names = ["iteration", "processor", "memory", "start", "forward 1", "forward 64"]
    figures = {what: {name: [] for name in CAFFES} for what in names}
    with tempfile.TemporaryDirectory() as folder:
        random = np.random.RandomState(0)
        write_samples(Path(folder) / "train_lmdb", random.randint(0, 256, (192, 3, 112, 96)).astype(np.uint8),
                      [i % 6 for i in range(192)])
        settings = re.sub(r"max_iter.*|snapshot.*|net:.*", "", SOLVER.read_text())
        settings += 'display: 1 average_loss: 1 snapshot_after_train: false snapshot_prefix: "bench"\n'
        full, slim = Path(folder) / "full.prototxt", Path(folder) / "slim.prototxt"
        full.write_text('%s max_iter: %d net: "%s"'
                        % (settings, ITERATIONS, ROOT / "prototxt/pain_regression.prototxt"))
        subprocess.check_call([sys.executable, str(ROOT / "tools" / "make_slim.py"), folder + "/prototxt", "--divide",
                               "32", "--batch", "6"])
        slim.write_text('%s max_iter: 1 net: "%s/prototxt/pain_regression.prototxt"' % (settings, folder))
        for _ in range(rounds):
            for name, caffe in CAFFES.items():
                _, iterations, processor, memory = train(caffe, folder, full)
                figures["iteration"][name] += iterations
                figures["processor"][name] += processor
                figures["memory"][name].append(memory)
                if name != "engine bf16":
                    figures["start"][name].append(train(caffe, folder, slim)[0])
                    figures["forward 1"][name] += forward(Path(caffe[0]).with_name("python"), 1, 10)
                    figures["forward 64"][name] += forward(Path(caffe[0]).with_name("python"), 64, 3)
    for what, unit in zip(names, ["s", "s", "MiB", "s", "s", "s"]):
        report({"iteration": "training iteration, batch 64", "processor": "of the processor", "start": "to iteration 0",
                "memory": "its peak memory"}.get(what, "deploy, " + what), figures[what], unit)


if __name__ == "__main__":
    main()
