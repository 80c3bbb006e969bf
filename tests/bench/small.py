"""Small nets, and other people's, on one thread, next to genuine Caffe, turn by turn: tests/bench/small.py [ROUNDS]

Milliseconds of the processor: of a training step of a net of 7 layers with next to nothing to compute, and of one image
through nets that many people run. Medians, and ratios genuine / engine, the median of the rounds.
"""
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.nets import inception_v3, resnet_50, se_bn_inception, squeezenet
from support.project import BVLC, ENGINE

TOY = """
layer { name: "data" type: "DummyData" top: "x" top: "label" dummy_data_param {
        shape { dim: [4, 1, 8, 8] } shape { dim: 4 } data_filler { value: 0.5 } data_filler { value: 1 } } }
layer { name: "conv" type: "Convolution" bottom: "x" top: "conv"
        convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "ip1" type: "InnerProduct" bottom: "pool" top: "ip1"
        inner_product_param { num_output: 8 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "ip1" top: "ip1" }
layer { name: "ip2" type: "InnerProduct" bottom: "ip1" top: "ip2"
        inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip2" bottom: "label" top: "loss" }
"""
SOLVER = """net: "%s" base_lr: 0.01 lr_policy: "fixed" momentum: 0.9 weight_decay: 0.0005 max_iter: 1000000
snapshot_after_train: false snapshot_prefix: "toy" solver_mode: CPU"""
RUN = """
import sys, time
import caffe
if sys.argv[2] == "train":
    run = caffe.get_solver(sys.argv[1]).step
else:
    net = caffe.Net(sys.argv[1], caffe.TEST)
    def run(count):
        for _ in range(count):
            net.forward()
run(2)
print(flush=True)
for line in sys.stdin:
    start = time.process_time()
    run(int(line))
    print((time.process_time() - start) / int(line), flush=True)
"""


def started(python, path, kind):
    environment = dict(os.environ, GLOG_minloglevel="2", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    process = subprocess.Popen([str(python), "-c", RUN, str(path), kind], env=environment, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True)
    assert process.stdout.readline() == "\n"
    return process


def turn_by_turn(path, kind, count, rounds):
    """Seconds of the processor for one of `count` runs in each round, (genuine's, the engine's)."""
    running = [started(caffe / "python", path, kind) for caffe in (BVLC, ENGINE)]
    for _ in range(rounds):
        took = []
        for process in running:
            process.stdin.write("%d\n" % count)
            process.stdin.flush()
            took.append(float(process.stdout.readline()))
        yield took
    for process in running:
        process.communicate()


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print("\nOne image on one thread, by the processor's time: medians of %d rounds" % rounds, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, text, kind, count in (
                ("7 layers, a step", TOY, "train", 200), ("SqueezeNet 1.1", squeezenet(), "run", 3),
                ("ResNet-50", resnet_50(), "run", 2), ("SE-BN-Inception", se_bn_inception(), "run", 2),
                ("Inception-v3", inception_v3(), "run", 2)):
            net, solver = Path(folder) / "net.prototxt", Path(folder) / "solver.prototxt"
            net.write_text(text)
            solver.write_text(SOLVER % net)
            took = list(turn_by_turn(solver if kind == "train" else net, kind, count, rounds))
            print("%-17s genuine %7.2f ms, engine %7.2f ms (%.2f x)" % (
                name, *(1e3 * statistics.median(times) for times in zip(*took)),
                statistics.median(genuine / engine for genuine, engine in took)), flush=True)


if __name__ == "__main__":
    main()
