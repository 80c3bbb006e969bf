"""Random programs of calls of pycaffe's, in threads and in forked children too, under whichever `caffe` Python finds.

    python call_programs.py FIRST COUNT OUT.npz      programs FIRST .. FIRST + COUNT - 1, by their seeds

Runs under genuine Caffe's Python 3.9 and under the engine's. What a program saw after each call is written: name/step.
"""
import os
import pickle
import signal
import sys
import tempfile
import threading
import traceback

os.environ.setdefault("GLOG_minloglevel", "2")
import numpy as np  # noqa: E402

import caffe  # noqa: E402

CALLS = 12  # of a program
FILL = 'weight_filler { type: "constant" value: 0.1 }'
MIDDLES = [  # in an image, out an image
    'type: "Convolution" convolution_param { num_output: 4 kernel_size: 3 pad: 1 %s }' % FILL,
    'type: "Convolution" convolution_param { num_output: 6 kernel_size: 2 stride: 2 group: 2 %s }' % FILL,
    'type: "Pooling" pooling_param { kernel_size: 2 stride: 2 }',
    'type: "Pooling" pooling_param { pool: AVE kernel_size: 3 stride: 1 pad: 1 }',
    'type: "PReLU"', 'type: "Scale" scale_param { bias_term: true }', 'type: "BatchNorm"', 'type: "ReLU"',
    'type: "LRN" lrn_param { local_size: 3 }', 'type: "Power" power_param { scale: 0.5 shift: 0.1 }',
    'type: "TanH"', 'type: "Sigmoid"', 'type: "Softmax"']
LET_IN_PLACE = 8  # so many of them may have another work in place on their top, in genuine Caffe, too


def layer(name, bottoms, tops, more):
    return 'layer { name: "%s" %s %s %s }\n' % (name, " ".join('bottom: "%s"' % blob for blob in bottoms),
                                               " ".join('top: "%s"' % blob for blob in tops), more)


def net_text(random):
    """A net that may branch, work in place, and have two losses."""
    text = "force_backward: true\n"  # for genuine Caffe's Scale and others give gradients that are not asked for
    text += layer("in", [], ["x", "label"], 'type: "Input" input_param { shape { dim: 3 dim: 2 dim: 8 dim: 8 } '
                 "shape { dim: 3 } }")
    last = "x"
    for i in range(random.randint(2, 5)):
        name = "m%d" % i
        kind = random.randint(len(MIDDLES))
        text += layer(name, [last], [name], MIDDLES[kind])
        last = name
        if kind < LET_IN_PLACE and random.randint(3) == 0:
            text += layer(name + "_relu", [last], [last], 'type: "ReLU"')
    if random.randint(2):
        text += layer("left", [last], ["left"], 'type: "Sigmoid"') + layer("right", [last], ["right"], 'type: "TanH"')
        text += layer("both", ["left", "right"], ["both"],
                      ['type: "Concat"', 'type: "Eltwise"', 'type: "Eltwise" eltwise_param { operation: PROD }'][
                          random.randint(3)])
        last = "both"
    if random.randint(2):
        text += layer("flat", [last], ["flat"], 'type: "Flatten"')
        last = "flat"
    text += layer("ip", [last], ["ip"], 'type: "InnerProduct" inner_product_param { num_output: 4 %s }' % FILL)
    text += layer("loss", ["ip", "label"], ["loss"], 'type: "SoftmaxWithLoss"')
    if random.randint(2):
        text += layer("norm", ["ip"], ["norm"], 'type: "Reduction" reduction_param { operation: SUMSQ } '
                      "loss_weight: 0.01")
    return text


def in_threads(functions):
    """Call each in a thread of its own, all at the same time. Raises what one of them raises."""
    errors = []

    def call(function):
        try:
            function()
        except Exception as error:
            errors.append(error)
    threads = [threading.Thread(target=call, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        raise error


class Program:
    """Two nets of one prototxt and a solver, and the calls that a seed draws; `seen`: what was there to be seen."""

    def __init__(self, seed):
        self.random, self.seen = np.random.RandomState(seed), []
        with open("net.prototxt", "w") as file:
            file.write(net_text(self.random))
        with open("solver.prototxt", "w") as file:
            file.write('net: "net.prototxt" base_lr: 0.01 clip_gradients: 1 lr_policy: "fixed" solver_mode: CPU '
                       'display: 0 snapshot_prefix: "s" max_iter: 99 random_seed: 1 snapshot_format: %s'
                       % ["BINARYPROTO", "HDF5"][self.random.randint(2)])
        self.solver = caffe.get_solver("solver.prototxt")
        self.nets = [self.solver.net] + [caffe.Net("net.prototxt", caffe.TRAIN) for _ in range(2)]
        for net in self.nets:
            for blobs in net.params.values():
                for blob in blobs:
                    blob.data[...] += self.random.uniform(-.3, .3, blob.data.shape)
            self.fill(net)
            net.forward()
            net.backward()
        self.snapshot = None

    def fill(self, net):
        net.blobs["x"].data[...] = self.random.uniform(-1, 1, net.blobs["x"].data.shape)
        net.blobs["label"].data[...] = self.random.randint(0, 4, net.blobs["label"].data.shape)

    def two_layers(self, net):
        """Names of layers; of the two, the second is not the earlier one."""
        names = list(net._layer_names)
        return [names[i] for i in sorted(self.random.randint(len(names), size=2))]

    # The calls. Each takes one of the nets.

    def forward(self, net):
        if self.random.randint(2):
            self.fill(net)
        net.forward()

    def backward(self, net):
        net.backward()

    def part_forward(self, net):
        first, last = self.two_layers(net)
        net.forward(start=first, end=last)

    def part_backward(self, net):
        last, first = self.two_layers(net)
        net.backward(start=first, end=last)

    def reshape(self, net):
        count = self.random.randint(2, 6)  # of 1, genuine Caffe's Scale does not add gradients up
        net.blobs["x"].reshape(count, 2, 8, 8)
        net.blobs["label"].reshape(count)
        net.reshape()
        self.fill(net)
        net.forward()
        net.backward()

    def share(self, net):
        net.share_with(self.nets[self.random.randint(3)])

    def save_and_load(self, net):
        net.save("w.caffemodel")
        self.nets[self.random.randint(3)].copy_from("w.caffemodel")

    def write(self, net):
        blobs = [blob for blobs in net.params.values() for blob in blobs]
        blob = blobs[self.random.randint(len(blobs))]
        blob.data[...] *= .9

    def step(self, net):
        self.solver.step(self.random.randint(1, 4))

    def snapshot_or_restore(self, net):
        if self.snapshot is None or self.random.randint(2):
            self.solver.snapshot()
            self.snapshot = "s_iter_%d.solverstate" % self.solver.iter
            self.snapshot += ".h5" if os.path.exists(self.snapshot + ".h5") else ""
        else:
            self.solver.restore(self.snapshot)

    def in_threads(self, net):
        """One net by four; several that share BatchNorm's sums would add to them in any order."""
        in_threads([net.forward] * 4)

    def in_a_child(self, net):
        """Calls in a forked child, whose sight is handed back."""
        reader, writer = os.pipe()
        seed = self.random.randint(2 ** 31)
        child = os.fork()
        if not child:
            signal.alarm(60)
            try:
                self.random, self.seen = np.random.RandomState(seed), []
                for _ in range(2):
                    self.call([name for name in NAMES if name != "in_a_child"])
                with os.fdopen(writer, "wb") as file:
                    pickle.dump(self.seen, file)
            except Exception:
                traceback.print_exc()
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as file:
            self.seen += pickle.load(file)
        os.waitpid(child, 0)

    def call(self, names):
        name, net = names[self.random.randint(len(names))], self.nets[self.random.randint(3)]
        call = getattr(self, name)
        if self.random.randint(3):
            call(net)
        else:
            in_threads([lambda: call(net)])
        values = [blob for each in self.nets for blob in list(each.blobs.values()) + [
            blob for blobs in each.params.values() for blob in blobs]]
        self.seen.append((name, [np.abs(array).sum() for blob in values for array in (blob.data, blob.diff)]))


NAMES = ["forward", "backward", "part_forward", "part_backward", "reshape", "share", "save_and_load", "write", "step",
         "snapshot_or_restore", "in_threads", "in_a_child"]


def run(seed):
    """What a program saw: [(call, array), ...]."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            program = Program(seed)
            for _ in range(CALLS):
                program.call(NAMES)
            return program.seen
        finally:
            os.chdir(before)


def main():
    first, count, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    np.savez_compressed(out, **{"%d/%02d %s" % (seed, i, name): np.float64(numbers)
                                for seed in range(first, first + count) for i, (name, numbers) in enumerate(run(seed))})


if __name__ == "__main__":
    main()
