"""Whether ONNX Runtime computes what caffe computes."""
import os
from collections import Counter

import numpy as np
import onnx

BATCHES = 1, 3  # images at a time, to compare with
# How far ONNX Runtime may be from caffe, as a share of a blob's scale: 5 for the intensity, else the largest value.
TOLERANCE = 1e-5  # of outputs
INNER_TOLERANCE = 1e-3  # of blobs within the net, where a small difference of large numbers is no matter


def onnx_runtime():
    """The package onnxruntime, which tells nobody about the nets that it runs. Sets an environment variable."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime
    return onnxruntime


def compare(net, model):
    """How far ONNX Runtime's blobs are from caffe's on random pixels: a dict, blob -> difference, outputs first.

    The largest, as a share of the blob's scale; NaN if either is not finite. Of all blobs, for outputs may be deaf: a
    sigmoid at its end is.
    """
    telling = onnx.ModelProto()
    telling.CopyFrom(model)
    telling.graph.output.extend(value for value in model.graph.value_info if value.name in net.blobs)
    session = onnx_runtime().InferenceSession(telling.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [value.name for value in telling.graph.output]
    random, differences = np.random.RandomState(0), Counter()
    for batch in BATCHES:
        inputs = {}
        for name in net.inputs:
            shape = (batch, *net.blobs[name].data.shape[1:])
            net.blobs[name].reshape(*shape)
            net.blobs[name].data[...] = inputs[name] = random.randint(0, 256, shape).astype(np.float32)
        net.reshape()
        net.forward()
        for name, found in zip(names, session.run(names, inputs)):
            expected = net.blobs[name].data
            scale = 5 if name == "intensity" else np.abs(expected).max() or 1
            difference = float(np.abs(found - expected).max() / scale)
            differences[name] = max(differences[name], difference, key=lambda x: (x != x, x))  # NaN is the largest
    return dict(differences)
