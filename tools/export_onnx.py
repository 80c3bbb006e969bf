"""Export trained nets to ONNX, for programs without Caffe, and prove that they compute what caffe computes.

    models/<variant>/NN-subject/pain_iter_N.caffemodel ──> pain_iter_N.onnx beside it, or --out

The net of phase TEST and stage deploy, with a batch of any size: `pixels` in, `intensity` or, of the verification net,
`fc5` out. Nothing is written unless ONNX Runtime gives the same as caffe. How to prepare the pixels, what the output
means and where the weights come from stand in the file's metadata; they are read with

    onnxruntime.InferenceSession(FILE).get_modelmeta().custom_metadata_map
"""
import functools
import hashlib
import json
import re
import shlex
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from tqdm import tqdm

from check_weights import caffe, caffe_pb2, load_net
from cli import Parser, Problem, fail, replacing, run
from curve import NOTICE

try:
    import onnx
    import onnxruntime
except ImportError as error:
    fail("%s; install what requirements.txt says" % error)

OPSET, IR_VERSION = 13, 7  # of 2020: old runtimes read them
BATCH = "N"  # the name of the axis that is free
BATCHES = 1, 3  # images at a time, to compare with
# How far ONNX Runtime may be from caffe, as a share of a blob's scale: 5 for the intensity, else the largest value.
TOLERANCE = 1e-5  # of outputs
INNER_TOLERANCE = 1e-3  # of blobs within the net, where a small difference of large numbers is no matter

OUTPUTS = {
    "intensity": "N x 1, float32: the pain a face shows, 0 (none) to 5, on the scale of PSPI with 4 and 5 as 4, and 6 "
                 "to 16 as 5",
    "fc5": "N x 512, float32: the features by which caffe-face's net tells people apart; compare them by their cosine",
}
INPUT = ("pixels: N x 3 x 112 x 96, float32: blue, green, red, 0..255, of a face aligned to the template. "
         "The normalisation, (pixels - 127.5) / 128, is in the net")


# ---- the layers, one function a type ----

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
    p, (weight, *bias) = layer.param.convolution_param, layer.blobs
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


# ---- the net ----

def read_layers(net):
    """The LayerParameters that a caffe.Net was built of, with its splits, in order."""
    with tempfile.TemporaryDirectory() as folder:
        net.save(str(Path(folder) / "net"))
        saved = caffe_pb2.NetParameter.FromString((Path(folder) / "net").read_bytes())
    return list(saved.layer)


def convert(net, name="net"):
    """The caffe.Net as an onnx.ModelProto. Raises Problem, naming the layer, for what has no ONNX here."""
    both = set(net.inputs) & set(net.outputs)
    if both:
        raise Problem("%s: goes out of the net as it came in; take it out of the prototxt" % ", ".join(sorted(both)))
    layers = read_layers(net)
    written = Counter(top for param in layers for top in param.top)  # how often; in place more than once
    shapes = {blob: tuple(net.blobs[blob].data.shape) for blob in net.blobs}
    values, nodes, constants = {}, [], []  # values: blob -> the ONNX value that has its content by now
    for param in layers:
        if param.type == "Input":
            values.update({top: top for top in param.top})
            continue
        blobs = [blob.data for blob in net.params[param.name]] if param.name in net.params else []
        layer = Layer(param, blobs, [values[bottom] for bottom in param.bottom],
                      [shapes[bottom] for bottom in param.bottom], [shapes[top] for top in param.top])
        if param.type not in CONVERTERS:
            layer.refuse("there is no ONNX for its type here, only for %s" % ", ".join(sorted(["Input", *CONVERTERS])))
        found = dict(zip(param.top, CONVERTERS[param.type](layer)))
        for top, value in found.items():
            written[top] -= 1
            final = top if not written[top] and top not in net.inputs else "%s@%s" % (top, param.name)
            own = [node for node in layer.nodes if value in node.output]
            for node in layer.nodes if own else []:  # what the layer itself makes is called as the blob is
                for names in node.input, node.output:
                    names[:] = [final if old == value else old for old in names]
            values[top] = final if own else value
        nodes += layer.nodes
        constants += layer.constants
    for output in net.outputs:
        if values[output] != output:
            nodes.append(onnx.helper.make_node("Identity", [values[output]], [output], name=output))
    graph = onnx.helper.make_graph(
        nodes, name, *([onnx.helper.make_tensor_value_info(blob, onnx.TensorProto.FLOAT, [BATCH, *shapes[blob][1:]])
                        for blob in blobs] for blobs in (net.inputs, net.outputs)), initializer=constants)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=IR_VERSION,
                                   producer_name="tools/export_onnx.py")
    model = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    onnx.checker.check_model(model)
    return model


def compare(net, model):
    """How far ONNX Runtime's blobs are from caffe's on random pixels: a dict, blob -> difference, outputs first.

    The largest, as a share of the blob's scale; NaN if either is not finite. Of all blobs, for outputs may be deaf: a
    sigmoid at its end is.
    """
    telling = onnx.ModelProto()
    telling.CopyFrom(model)
    telling.graph.output.extend(value for value in model.graph.value_info if value.name in net.blobs)
    session = onnxruntime.InferenceSession(telling.SerializeToString(), providers=["CPUExecutionProvider"])
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


# ---- where the net comes from ----

def describe(net, weights, net_file):
    """The metadata, a dict of strings: how to use the net, and how its weights, the file `weights`, came about."""
    weights = Path(weights)
    texts = {
        "warning": NOTICE,
        "net": Path(net_file).name,
        "caffemodel": weights.name,
        "caffemodel_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "made_with": "onnx %s, caffe %s" % (onnx.__version__, caffe.__version__),
    }
    if list(net.inputs) == ["pixels"]:
        from align_faces import LANDMARKS, SHAPE, TEMPLATE
        texts["input"] = INPUT
        texts["alignment"] = json.dumps({
            "transform": "the least-squares similarity of a face's landmarks to the template's",
            "size": dict(zip(("height", "width"), SHAPE)),
            "template": {name: point.round(4).tolist() for name, point in zip(LANDMARKS, TEMPLATE)},
            "unit": "pixels (x, y), the centre of the first pixel being 0"})
    for name in net.outputs:
        if name in OUTPUTS:
            texts["output " + name] = OUTPUTS[name]
    iteration = re.search(r"_iter_(\d+)\.caffemodel", weights.name)
    if iteration:
        texts["iteration"] = iteration.group(1)
    log = weights.parent / "train.log"
    if log.exists():
        with open(str(log), errors="replace") as file:
            texts["command"] = file.readline().strip()
        solver = re.search(r"-solver\s+(.*)", texts["command"])
        path = weights.parent / shlex.split(solver.group(1))[0] if solver else None
        texts["fold"] = weights.resolve().parent.name
        if path and path.exists():
            texts["solver"] = path.read_text()
    return texts


def export(weights, net_file, out, stages=("deploy",)):
    """Write the net with the caffemodel's weights to the ONNX file `out`. Returns compare()'s differences.

    Raises Problem when the weights are of another net, a layer has no ONNX, or ONNX Runtime differs from caffe.
    """
    net = load_net(net_file, weights, stages)
    model = convert(net, Path(net_file).stem)
    texts = describe(net, weights, net_file)
    model.doc_string = "\n".join(texts[key] for key in sorted(texts) if key.startswith(("input", "output", "warning")))
    onnx.helper.set_model_props(model, texts)
    differences = compare(net, model)
    for name, difference in differences.items():
        most = TOLERANCE if name in net.outputs else INNER_TOLERANCE
        if not difference <= most:
            raise Problem("%s: not exported: ONNX Runtime's %s differs from caffe's by %.2g of its scale, more than %g"
                          % (weights, name, difference, most))
    with replacing(out) as partial:
        onnx.save(model, str(partial))
    return differences


def main():
    parser = Parser(__doc__)
    parser.add_argument("models", nargs="+", metavar="MODEL.caffemodel", help="the weights, of one fold or of several")
    parser.add_argument("--net", default="prototxt/pain_regression.prototxt", help="their net (default: %(default)s)")
    parser.add_argument("--stage", nargs="*", default=["deploy"], help="the net's stages (default: deploy)")
    parser.add_argument("--out", help="the ONNX file (default: beside the caffemodel, of its name)")
    args = parser.parse_args()
    if args.out and len(args.models) > 1:
        raise Problem("--out is for one model; here are %d" % len(args.models))
    for weights in tqdm(args.models, unit="model", desc="export"):
        out = Path(args.out or Path(weights).with_suffix(".onnx"))
        if out.exists() and any(Path(name).exists() and out.samefile(name) for name in (weights, args.net)):
            raise Problem("%s: would be overwritten; name another file with --out" % out)
        differences = export(weights, args.net, out, args.stage)
        output, worst = next(iter(differences)), max(differences, key=differences.get)
        tqdm.write("%s: %s differs from caffe's by %.1e of its scale, no blob by more than %.1e (%s)"
                   % (out, output, differences[output], differences[worst], worst))


if __name__ == "__main__":
    run(main)
