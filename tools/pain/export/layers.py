"""The ONNX of a Caffe layer, one function a type."""
import functools

import numpy as np
import onnx

from pain.errors import Problem

BATCH = "N"  # the name of the axis that is free
CONVERTERS = {}


def converts(*types):
    """Register a function that adds to the graph what a layer of these types computes, and gives its tops' values."""
    def register(function):
        CONVERTERS.update(dict.fromkeys(types, function))
        return function
    return register


class Layer:
    """A layer on its way to ONNX.

    param: its LayerParameter; blobs: its weights, arrays; bottoms: names of ONNX values; shapes, top_shapes: what
    caffe has them in, tuples, of which axis 0 is the batch's.
    """

    def __init__(self, param, blobs, bottoms, shapes, top_shapes):
        self.param, self.blobs, self.bottoms, self.shapes, self.top_shapes = param, blobs, bottoms, shapes, top_shapes
        self.nodes, self.constants = [], []

    def add(self, op, *inputs, **attributes):
        """Add a node with one output. Returns the output's name."""
        name = "%s/%d" % (self.param.name, len(self.nodes))
        self.nodes.append(onnx.helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def constant(self, values, dtype=np.float32):
        """Add a constant. Returns its name."""
        name = "%s/constant%d" % (self.param.name, len(self.constants))
        self.constants.append(onnx.numpy_helper.from_array(np.array(values, dtype, order="C"), name))
        return name

    def axis(self, number, first=0):
        """The axis as counted from 0, of the first bottom. Refuses those before `first`."""
        axis = number % len(self.shapes[0])
        if axis < first:
            self.refuse("axis %d takes in the batch, whose size is free in ONNX" % axis)
        return axis

    def refuse(self, why):
        raise Problem("layer %s (%s) cannot be exported: %s" % (self.param.name, self.param.type, why))


@converts("Dropout", "Split")
def identity(layer):
    return layer.bottoms * len(layer.top_shapes)


@converts("Silence")
def nothing(layer):
    return []


@converts("Convolution")
def convolution(layer):
    p, weight = layer.param.convolution_param, layer.blobs[0]
    if layer.axis(p.axis) != 1 or weight.ndim < 3:
        layer.refuse("it is over %d axes, with the channels in axis %d" % (weight.ndim - 2, layer.axis(p.axis)))
    kernel = weight.shape[2:]

    def per_axis(name, default):
        if any(p.HasField(name + side) for side in ("_h", "_w") if hasattr(p, name + side)):
            return [getattr(p, name + "_h"), getattr(p, name + "_w")]
        values = list(getattr(p, name)) or [default]
        return values * len(kernel) if len(values) == 1 else values

    stride, pad, dilation = per_axis("stride", 1), per_axis("pad", 0), per_axis("dilation", 1)
    # A single window may stick out of the image, by less than the stride: over zeros, in caffe.
    ends = [before + max(0, step * (side - 1) + 1 - size - 2 * before)
            for before, step, side, size in zip(pad, dilation, kernel, layer.shapes[0][2:])]
    weights = [layer.constant(blob) for blob in layer.blobs]
    return [layer.add("Conv", bottom, *weights, kernel_shape=kernel, strides=stride, pads=pad + ends,
                      dilations=dilation, group=p.group) for bottom in layer.bottoms]


@converts("Pooling")
def pooling(layer):
    p, sizes, counts = layer.param.pooling_param, layer.shapes[0][2:], layer.top_shapes[0][2:]
    if p.pool == p.STOCHASTIC or len(layer.top_shapes) > 1:
        layer.refuse("there is MAX and AVE, with one top")

    def pair(name, short):
        return [getattr(p, short + side) if p.HasField(short + side) else getattr(p, name) for side in ("_h", "_w")]

    kernel = list(sizes) if p.global_pooling else pair("kernel_size", "kernel")
    stride, pad = pair("stride", "stride"), pair("pad", "pad")
    # Caffe says how many windows there are; the last ones may stick out, beyond the image's padding, too.
    ends = [max(0, (count - 1) * step + side - size - before)
            for count, step, side, size, before in zip(counts, stride, kernel, sizes, pad)]
    if any(end >= side for end, side in zip(ends, kernel)):
        layer.refuse("a window lies beyond the image")
    attributes = {"kernel_shape": kernel, "strides": stride, "pads": pad + ends}
    if p.pool == p.MAX:
        return [layer.add("MaxPool", *layer.bottoms, **attributes)]
    y = layer.add("AveragePool", *layer.bottoms, count_include_pad=1, **attributes)
    # Caffe divides by what a window has of the image and its padding, ONNX here by the whole window.
    rows, columns = (np.array([side / (min(i * step + side, size + 2 * before) - i * step) for i in range(count)])
                     for count, step, side, size, before in zip(counts, stride, kernel, sizes, pad))
    share = np.outer(rows, columns)
    return [y if (share == 1).all() else layer.add("Mul", y, layer.constant(share))]


@converts("InnerProduct")
def inner_product(layer):
    p, (weight, *bias) = layer.param.inner_product_param, layer.blobs
    axis, x = layer.axis(p.axis, first=1), layer.bottoms[0]
    if len(layer.shapes[0]) != axis + 1:
        x = layer.add("Reshape", x, layer.constant([0] * axis + [-1], np.int64))  # 0: as it is
    y = layer.add("MatMul", x, layer.constant(weight if p.transpose else weight.T))
    return [layer.add("Add", y, layer.constant(*bias)) if bias else y]


@converts("PReLU")
def prelu(layer):
    slope = layer.blobs[0].reshape(-1, *[1] * (len(layer.shapes[0]) - 2))  # one a channel, or a single one
    return [layer.add("PRelu", *layer.bottoms, layer.constant(slope))]


@converts("ReLU")
def relu(layer):
    slope = layer.param.relu_param.negative_slope
    return [layer.add("LeakyRelu", *layer.bottoms, alpha=slope) if slope else layer.add("Relu", *layer.bottoms)]


@converts("Sigmoid", "TanH")
def neuron(layer):
    return [layer.add({"Sigmoid": "Sigmoid", "TanH": "Tanh"}[layer.param.type], *layer.bottoms)]


@converts("Power")
def power(layer):
    p, y = layer.param.power_param, layer.bottoms[0]
    if p.power * p.scale == 0:  # a constant, 0^0 being 1
        value = np.float32(p.shift if p.power else 1) ** np.float32(p.power or 1)
        return [layer.add("Expand", layer.constant(value), layer.add("Shape", y))]
    for op, number, neutral in ("Mul", p.scale, 1), ("Add", p.shift, 0), ("Pow", p.power, 1):
        if number != neutral:
            y = layer.add(op, y, layer.constant(number))
    return [y]


@converts("Eltwise")
def eltwise(layer):
    p = layer.param.eltwise_param
    op = {p.PROD: "Mul", p.SUM: "Add", p.MAX: "Max"}[p.operation]
    weights = list(p.coeff) if p.operation == p.SUM and p.coeff else [1] * len(layer.bottoms)
    terms = [x if weight == 1 else layer.add("Mul", x, layer.constant(weight))
             for x, weight in zip(layer.bottoms, weights)]
    return [functools.reduce(functools.partial(layer.add, op), terms)]


def aligned(layer, values, axis):
    """A constant with an axis for each of the bottom's, of an array that belongs to its axes from `axis` on."""
    if values.ndim:
        layer.axis(axis, first=1)
    return layer.constant(values.reshape(*values.shape, *[1] * (len(layer.shapes[0]) - axis - values.ndim)))


@converts("Scale", "Bias")
def scale(layer):
    p = layer.param.scale_param if layer.param.type == "Scale" else layer.param.bias_param
    y, blobs, ops = layer.bottoms[0], list(layer.blobs), ["Mul", "Add"] if layer.param.type == "Scale" else ["Add"]
    shape = layer.shapes[1] if len(layer.bottoms) > 1 else blobs[0].shape
    axis = layer.axis(p.axis) if shape else 0
    if len(layer.bottoms) > 1:
        behind = range(len(shape), len(layer.shapes[0]) - axis)
        y = layer.add(ops.pop(0), y, layer.add("Unsqueeze", layer.bottoms[1], layer.constant(list(behind), np.int64))
                      if behind else layer.bottoms[1])
    for op, blob in zip(ops, blobs):
        y = layer.add(op, y, aligned(layer, blob, axis))
    return [y]


@converts("BatchNorm")
def batch_norm(layer):
    p, (means, variances, weight) = layer.param.batch_norm_param, layer.blobs
    if p.HasField("use_global_stats") and not p.use_global_stats:
        layer.refuse("it normalises by the batch it is given (use_global_stats: false)")
    share = 1 / weight[0] if weight[0] else 0
    ones = np.ones_like(means)
    return [layer.add("BatchNormalization", *layer.bottoms, *map(layer.constant, (
        ones, 0 * ones, means * share, variances * share)), epsilon=p.eps)]


@converts("Softmax")
def softmax(layer):
    return [layer.add("Softmax", *layer.bottoms, axis=layer.axis(layer.param.softmax_param.axis, first=1))]


@converts("Concat")
def concat(layer):
    p = layer.param.concat_param
    axis = layer.axis(p.concat_dim if p.HasField("concat_dim") else p.axis, first=1)
    return [layer.add("Concat", *layer.bottoms, axis=axis)]


@converts("Flatten")
def flatten(layer):
    p = layer.param.flatten_param
    first, last = layer.axis(p.axis, first=1), layer.axis(p.end_axis)
    shape = [0] * first + [-1, *layer.shapes[0][last + 1:]]
    return [layer.add("Reshape", *layer.bottoms, layer.constant(shape, np.int64))]
