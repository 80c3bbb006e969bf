"""Deployment beside other runtimes on the same cores, turn by turn: tests/bench/runtimes.py [ROUNDS]

Milliseconds an image of the full deployed net with 1, 16 and 64 images at a time, of the wall clock and of the
processor: medians; and how many times as fast the engine is as each, the median of the rounds. ONNX Runtime comes with
the project's `export`; OpenVINO is measured where it is installed.
"""
import contextlib
import os
import statistics
import sys
import tempfile
import time

import caffe
import numpy as np
import onnx

from pain.export.convert import convert
from pain.export.proof import onnx_runtime
from support.project import PAIN

BATCHES = 1, 16, 64
PASSES = 64  # images of a round, at the least
WARM = 120  # images before, and at least 4 passes: memory is still being asked for, and the engine compiles


def load_net():
    """The deployed net, with weights under which its blobs are neither huge nor nothing."""
    net, random = caffe.Net(str(PAIN), caffe.TEST, stages=["deploy"]), np.random.RandomState(0)
    for name, blobs in net.params.items():
        if name.startswith("conv"):
            blobs[0].data[...] = random.randn(*blobs[0].shape) / np.sqrt(np.prod(blobs[0].shape[1:]))
    return net


def engine(net, images):
    def run():
        net.blobs["pixels"].data[...] = images
        return net.forward()["intensity"]
    net.blobs["pixels"].reshape(*images.shape)
    return run


def by_onnx_runtime(path, images):
    onnxruntime = onnx_runtime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"pixels": images})[0]


def openvino(path, images):
    import openvino
    core = openvino.Core()
    model = core.read_model(str(path))
    model.reshape(list(images.shape))
    compiled = core.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": os.cpu_count(), "PERFORMANCE_HINT": "LATENCY",
                                                 "INFERENCE_PRECISION_HINT": "f32"})
    return lambda: compiled([images])[0]


def timed(run, count):
    """Seconds of the wall clock, and of the processor, of so many passes."""
    start = time.perf_counter(), time.process_time()
    for _ in range(count):
        run()
    return time.perf_counter() - start[0], time.process_time() - start[1]


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    os.environ["GLOG_minloglevel"] = "2"
    print("\nThe deployed net beside other runtimes: medians of %d rounds" % rounds, flush=True)
    net = load_net()
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(convert(net), folder + "/net.onnx")
        for batch in BATCHES:
            images = np.random.RandomState(1).randint(0, 256, (batch, 3, 112, 96)).astype(np.float32)
            runs = {"engine": engine(net, images)}
            for name, load in ("ONNX Runtime", by_onnx_runtime), ("OpenVINO", openvino):
                with contextlib.suppress(ImportError):
                    runs[name] = load(folder + "/net.onnx", images)
            wanted = runs["engine"]().copy()
            for run in runs.values():
                for _ in range(max(4, WARM // batch)):
                    np.testing.assert_allclose(run(), wanted, rtol=0, atol=1e-4)
            count = max(2, PASSES // batch // 2)
            took = {name: [] for name in runs}
            for _ in range(rounds):
                for name, run in runs.items():
                    took[name].append(timed(run, count))
            for name, times in took.items():
                wall, processor = (1e3 * statistics.median(each) / count / batch for each in zip(*times))
                ratios = (statistics.median(other[i] / own[i] for other, own in zip(times, took["engine"]))
                          for i in range(2))
                print("%2d at a time  %-13s %6.1f ms an image, %6.1f of the processor; engine %.2f times as fast, %.2f"
                      % (batch, name, wall, processor, *ratios), flush=True)


if __name__ == "__main__":
    main()
