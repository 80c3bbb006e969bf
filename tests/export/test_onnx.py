"""ONNX files against what they were made of: every layer type's settings, whole nets, and what goes wrong."""
import hashlib
import json
import os
import re
import tempfile

import caffe
import numpy as np
import onnx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pain.datasets.unbc import HISTOGRAM
from pain.errors import Problem
from pain.export import convert, onnx_file
from pain.export.layers import CONVERTERS
from pain.export.proof import onnx_runtime
from pain.faces import alignment
from pain.notice import notice
from pain.provenance import ARCHIVE, SYNTHETIC, Data, Origin, from_dict, write_origin
from support.caffe_runs import write_slim_nets
from support.project import FACE, PAIN, ROOT, assert_one_line_error, run_tool

onnxruntime = onnx_runtime()

def fill(net, seed=0):
    """Random weights that keep a signal's size, in place of the fillers' small ones. Returns the net."""
    random = np.random.RandomState(seed)
    for blobs in net.params.values():
        for blob in blobs:
            shape = blob.data.shape
            fan_in = np.prod(shape[1:]) if len(shape) > 1 else 4
            blob.data[...] = random.normal(0, np.sqrt(1.5 / fan_in), shape)
    return net


def build(layers, shape, inputs=1):
    """A net of these layers (prototxt) on inputs x0, x1, ... of this shape, with random weights."""
    text = "".join('layer { name: "x%d" type: "Input" top: "x%d" input_param { shape { %s } } }\n'
                   % (i, i, " ".join("dim: %d" % size for size in shape)) for i in range(inputs))
    with tempfile.NamedTemporaryFile("w", suffix=".prototxt") as file:
        file.write(text + layers)
        file.flush()
        return fill(caffe.Net(file.name, caffe.TEST))


def assert_same(net, scale=1.):
    """ONNX Runtime gives what caffe gives, at another batch size too. The oracle is this loop, not export_onnx's."""
    session = onnxruntime.InferenceSession(convert.convert(net).SerializeToString())
    random = np.random.RandomState(1)
    assert [x.name for x in session.get_inputs()] == list(net.inputs)
    for batch in 2, 5:
        arrays = {}
        for name in net.inputs:
            shape = (batch, *net.blobs[name].data.shape[1:])
            net.blobs[name].reshape(*shape)
            arrays[name] = random.normal(0, scale, shape).astype(np.float32)
            net.blobs[name].data[...] = arrays[name]
        expected = net.forward()
        found = dict(zip(net.outputs, session.run(net.outputs, arrays)))
        for name in net.outputs:
            assert found[name].shape == expected[name].shape and found[name].dtype == np.float32
            largest = np.abs(expected[name][np.isfinite(expected[name])]).max(initial=1e-3)
            np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-5 * largest)


# ---- layers ----

def layer(kind, param="", bottoms=("x0",), top="y", name="layer"):
    return 'layer { name: "%s" type: "%s" %s top: "%s" %s }\n' % (
        name, kind, " ".join('bottom: "%s"' % bottom for bottom in bottoms), top, param)


def pair(name, values):
    return "%s_h: %d %s_w: %d" % (name, values[0], name, values[1])


SIDE = st.tuples(st.integers(1, 4), st.integers(1, 4))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["MAX", "AVE"]), SIDE, SIDE, st.tuples(st.integers(0, 3), st.integers(0, 3)),
       st.tuples(st.integers(1, 9), st.integers(1, 9)), st.sampled_from(["CEIL", "FLOOR"]))
def test_pooling(method, kernel, stride, pad, size, mode):
    try:
        net = build(layer("Pooling", "pooling_param { pool: %s %s %s %s round_mode: %s }" % (
            method, pair("kernel", kernel), pair("stride", stride), pair("pad", pad), mode)), (2, 3, *size))
    except caffe.CaffeError:
        assume(False)
    # A window of nothing: what caffe makes of that, the lowest number there is and 0 / 0, is refused.
    empty = any((count - 1) * step - before >= side
                for count, step, before, side in zip(net.blobs["y"].data.shape[2:], stride, pad, size))
    if empty:
        with pytest.raises(Problem, match=r"layer layer \(Pooling\).*beyond the image"):
            convert.convert(net)
    else:
        assert_same(net)


@settings(max_examples=40, deadline=None)
@given(SIDE, SIDE, st.tuples(st.integers(0, 3), st.integers(0, 3)), st.integers(1, 3), st.sampled_from([1, 2, 4]),
       st.booleans(), st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_convolution(kernel, stride, pad, dilation, group, bias, size):
    try:
        windows = " ".join([pair("kernel", kernel), pair("stride", stride), pair("pad", pad)])
        net = build(layer("Convolution", "convolution_param { num_output: 8 %s dilation: %d group: %d bias_term: %d }"
                          % (windows, dilation, group, bias)), (2, 4, *size))
    except caffe.CaffeError:
        assume(False)
    assert_same(net)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["SUM", "PROD", "MAX"]), st.lists(st.sampled_from([1, -1, 0.5, 0]), min_size=2, max_size=4),
       st.booleans())
def test_eltwise(operation, weights, weighted):
    coefficients = " ".join("coeff: %g" % weight for weight in weights) if weighted and operation == "SUM" else ""
    assert_same(build(layer("Eltwise", "eltwise_param { operation: %s %s }" % (operation, coefficients),
                            ["x%d" % i for i in range(len(weights))]), (2, 3, 4), len(weights)))


@settings(max_examples=40, deadline=None)
@given(*[st.sampled_from([0, 1, -1, 0.5, 2, 3])] * 3)
def test_power(power, scale, shift):
    net = build(layer("Power", "power_param { power: %g scale: %g shift: %g }" % (power, scale, shift)), (2, 3, 4))
    with np.errstate(all="ignore"):
        assume(power in (0, 1, 2, 3))  # others of negative numbers are no numbers, here as there
        assert_same(net)


ONE = layer("Convolution", "convolution_param { num_output: 3 kernel_size: 1 }", top="c", name="conv")


@pytest.mark.parametrize("layers, shape, inputs", [
    # in place, once and twice, as the net's output and on the way
    (ONE + layer("PReLU", bottoms=["c"], top="c"), (2, 3, 4, 5), 1),
    (ONE + layer("ReLU", bottoms=["c"], top="c") + layer("Power", "power_param { scale: 3 }", ["c"], "c", "three"),
     (2, 3, 4, 5), 1),
    (ONE + layer("ReLU", bottoms=["c"], top="c") + layer("TanH", bottoms=["c"], name="t"), (2, 3, 4, 5), 1),
    (ONE + layer("Dropout", bottoms=["c"], top="c"), (2, 3, 4, 5), 1),
    (layer("Dropout", top="d") + layer("Dropout", bottoms=["d"], top="y", name="again"), (2, 3), 1),
    # several consumers, which caffe gives a split
    (ONE + layer("Sigmoid", bottoms=["c"], top="s", name="s") + layer("Eltwise", bottoms=["c", "s"]), (2, 3, 4, 5), 1),
    (layer("Split", top='a" top: "b', name="two") + layer("TanH", bottoms=["a"], name="t"), (2, 3), 1),
    (layer("Concat", bottoms=["x0", "x0", "x1"]), (2, 3, 4), 2),
    # each type's settings
    (layer("PReLU", "prelu_param { channel_shared: true }"), (2, 3, 4, 5), 1),
    (layer("PReLU"), (2, 3), 1), (layer("PReLU"), (2, 3, 4), 1),
    (layer("ReLU", "relu_param { negative_slope: 0.3 }"), (2, 3), 1),
    (layer("TanH"), (2, 3, 4), 1), (layer("Sigmoid"), (2, 3), 1),
    (layer("Softmax"), (2, 3, 4), 1), (layer("Softmax", "softmax_param { axis: -1 }"), (2, 3, 4), 1),
    (layer("Concat", "concat_param { axis: -1 }", ["x0", "x1"]), (2, 3, 4), 2),
    (layer("Concat", "concat_param { concat_dim: 2 }", ["x0", "x1"]), (2, 3, 4), 2),
    (layer("Flatten"), (2, 3, 4, 5), 1), (layer("Flatten", "flatten_param { axis: 2 }"), (2, 3, 4, 5), 1),
    (layer("Flatten", "flatten_param { axis: 1 end_axis: -2 }"), (2, 3, 4, 5), 1),
    (layer("InnerProduct", "inner_product_param { num_output: 6 }"), (2, 3, 4, 5), 1),
    (layer("InnerProduct", "inner_product_param { num_output: 6 bias_term: false }"), (2, 3), 1),
    (layer("InnerProduct", "inner_product_param { num_output: 6 transpose: true axis: -1 }"), (2, 3, 4, 5), 1),
    (layer("InnerProduct", "inner_product_param { num_output: 6 axis: 2 }"), (2, 3, 4, 5), 1),
    (layer("BatchNorm", "batch_norm_param { eps: 0.1 }"), (2, 3, 4, 5), 1),
    (layer("Scale", "scale_param { bias_term: true }"), (2, 3, 4, 5), 1),
    (layer("Scale", "scale_param { axis: 2 num_axes: 2 }"), (2, 3, 4, 5), 1),
    (layer("Scale", "scale_param { axis: 1 num_axes: -1 }"), (2, 3, 4), 1),
    (layer("Scale", "scale_param { axis: 0 num_axes: 0 bias_term: true }"), (2, 3, 4), 1),
    (layer("Scale", "scale_param { axis: 0 }", ["x0", "x1"]), (2, 3), 2),
    (layer("Flatten", "flatten_param { axis: 1 }", ["x1"], "f", "f")
     + layer("InnerProduct", "inner_product_param { num_output: 3 }", ["f"], "g", "g")
     + layer("Scale", "scale_param { axis: 0 }", ["x0", "g"]), (2, 3, 4, 5), 2),
    (layer("Bias", "bias_param { axis: 1 num_axes: 2 }"), (2, 3, 4, 5), 1),
    (layer("Pooling", "pooling_param { pool: AVE global_pooling: true }"), (2, 3, 4, 5), 1),
    (layer("Pooling", "pooling_param { kernel_size: 3 stride: 2 pad: 1 }"), (2, 3, 7, 8), 1),
    (layer("Convolution", "convolution_param { num_output: 3 kernel_size: 3 }"), (2, 3, 8), 1),
    (layer("Convolution", "convolution_param { num_output: 2 kernel_size: 2 pad: 1 pad: 0 pad: 2 }"), (2, 3, 4, 4, 4),
     1),
    (layer("Convolution", "convolution_param { num_output: 2 kernel_size: 2 }", ["x0", "x1"], 'y" top: "z'),
     (2, 3, 4, 4), 2),
    (layer("Silence", top="") .replace('top: ""', "") + layer("TanH", bottoms=["x1"], name="t"), (2, 3), 2),
])
def test_layers(layers, shape, inputs):
    net = build(layers, shape, inputs)
    for name, blobs in net.params.items():
        if net.layer_dict[name].type == "BatchNorm":
            blobs[1].data[...], blobs[2].data[...] = np.abs(blobs[1].data) + 0.1, 4
    assert_same(net)


@pytest.mark.parametrize("layers, words", [
    (layer("LRN"), r"layer layer \(LRN\) cannot be exported: there is no ONNX for its type here, only for BatchNorm, "),
    (layer("Pooling", "pooling_param { pool: STOCHASTIC kernel_size: 2 }"), r"layer layer \(Pooling\).*MAX and AVE"),
    (layer("Pooling", "pooling_param { kernel_size: 2 }", top='y" top: "where'), "with one top"),
    (layer("InnerProduct", "inner_product_param { num_output: 2 axis: 0 }"), "axis 0 takes in the batch"),
    (layer("Flatten", "flatten_param { axis: 0 }"), "axis 0 takes in the batch"),
    (layer("Concat", "concat_param { axis: 0 }", ["x0", "x0"]), "axis 0 takes in the batch"),
    (layer("Scale", "scale_param { axis: 0 num_axes: 2 }"), "axis 0 takes in the batch"),
    (layer("BatchNorm", "batch_norm_param { use_global_stats: false }"), "by the batch it is given"),
    (layer("Convolution", "convolution_param { num_output: 2 kernel_size: 2 axis: 2 }"), "channels in axis 2"),
    ("", "x0: goes out of the net as it came in"),
])
def test_what_has_no_onnx_is_refused(layers, words):
    with pytest.raises(Problem, match=words) as raised:
        convert.convert(build(layers, (2, 3, 4, 5)))
    assert "\n" not in str(raised.value)


# ---- whole nets ----

@pytest.fixture(scope="module")
def slim(tmp_path_factory):
    return write_slim_nets(tmp_path_factory.mktemp("slim"))


def write_model(net_file, path):
    """Write a caffemodel with random weights for the net. Returns the net, in TEST, deploy."""
    net = fill(caffe.Net(str(net_file), caffe.TEST, stages=["deploy"]))
    if "intensity" in outputs(net, pixels(2)):  # not at the sigmoid's ends, nor a small difference of large numbers
        weight, _ = net.params["ip2_reg"]
        weight.data[...] *= 4 / np.abs(weight.data * net.blobs["drop_ip1"].data).sum(1).max()
    net.save(str(path))
    return net


def pixels(count):
    return np.random.RandomState(2).randint(0, 256, (count, 3, 112, 96)).astype(np.float32)


def outputs(net, images):
    net.blobs["pixels"].reshape(*images.shape)
    net.blobs["pixels"].data[...] = images
    return dict(net.forward())


@pytest.mark.parametrize("net_file, output", [(PAIN, "intensity"), (FACE, "fc5")])
def test_the_full_nets(net_file, output, tmp_path):
    net = write_model(net_file, tmp_path / "a.caffemodel")
    differences = onnx_file.export(tmp_path / "a.caffemodel", net_file, tmp_path / "a.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "a.onnx"))
    expected = outputs(net, pixels(2))[output]
    found, = session.run(None, {"pixels": pixels(2)})
    assert np.ptp(expected, axis=0).max() > 0.01  # the images are told apart
    assert np.abs(found - expected).max() <= 1e-5 * (1 if output == "intensity" else np.abs(expected).max())
    assert 0 < differences[output] <= 1e-5 and 0 < max(differences.values()) <= 1e-4
    assert {"conv1a", "pool4", "res5_6", output} <= set(differences)
    assert [(x.name, x.shape, x.type) for x in session.get_inputs()] == [("pixels", ["N", 3, 112, 96], "tensor(float)")]
    assert [(x.name, x.shape) for x in session.get_outputs()] == [(output, ["N", expected.shape[1]])]


def test_the_fold_and_the_preparation_are_in_the_file(slim, tmp_path):
    fold = tmp_path / "models" / "mse" / "03-047-jl047"
    fold.mkdir(parents=True)
    write_model(slim / PAIN.name, fold / "pain_iter_5000.caffemodel")
    command = "$ /a/caffe train -solver %s -weights ../../face_model.caffemodel" % "../../../mse.prototxt"
    (fold / "train.log").write_text(command + "\nI1126 solver.cpp] net: ...\n")
    solver = (ROOT / "prototxt" / "solvers" / "mse.prototxt").read_text()
    (tmp_path / "mse.prototxt").write_text(solver)
    assert onnx_file.how_trained(fold / "pain_iter_5000.caffemodel")["solver"] == solver
    for damaged in command + ' "', "$ caffe train -solver", "$ caffe train -solver ../nowhere", "":
        (fold / "train.log").write_text(damaged)
        assert onnx_file.how_trained(fold / "pain_iter_5000.caffemodel") == {
            "iteration": "5000", "command": damaged, "fold": fold.name}
    (fold / "train.log").write_text(command + "\nI1126 solver.cpp] net: ...\n")
    origin = Origin(Data(ARCHIVE, 25, 48391, HISTOGRAM, (fold.name,)), "mse", 5000)
    write_origin(fold / "pain_iter_5000.caffemodel", origin)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    process = run_tool("export_onnx.py", fold / "pain_iter_5000.caffemodel", "--net", slim / PAIN.name,
                       env=dict(environment, TMPDIR=str(temporary)))
    assert process.returncode == 0, process.stderr
    assert list(temporary.iterdir()) == []  # as there is where ONNX Runtime tells its makers what it runs
    said, = re.findall(r"pain_iter_5000.onnx: intensity differs from caffe's by (\S+) of its scale", process.stdout)
    assert 0 <= float(said) <= 1e-5
    assert {path.name for path in fold.iterdir()} == {
        "pain_iter_5000.caffemodel", "pain_iter_5000.onnx", "pain_iter_5000.origin.json", "train.log"}

    model = onnx.load(str(fold / "pain_iter_5000.onnx"))
    texts = onnxruntime.InferenceSession(str(fold / "pain_iter_5000.onnx")).get_modelmeta().custom_metadata_map
    assert texts == {prop.key: prop.value for prop in model.metadata_props}
    assert texts["caffemodel"] == "pain_iter_5000.caffemodel" and texts["iteration"] == "5000"
    assert texts["caffemodel_sha256"] == hashlib.sha256((fold / texts["caffemodel"]).read_bytes()).hexdigest()
    assert texts["solver"] == solver and texts["command"] == command and texts["fold"] == "03-047-jl047"
    assert "blue, green, red, 0..255" in texts["input"] and "0 (none) to 5" in texts["output intensity"]
    assert texts["warning"] in model.doc_string and "not a medical device" in texts["warning"]
    assert " ".join(texts["warning"].split()) in " ".join((ROOT / "README.md").read_text().split())
    assert from_dict(json.loads(texts["origin"])) == origin
    template = json.loads(texts["alignment"])["template"]
    np.testing.assert_allclose([template[name] for name in alignment.LANDMARKS], alignment.TEMPLATE, atol=1e-9)


def test_a_synthetic_net_says_so(slim, tmp_path):
    write_model(slim / PAIN.name, tmp_path / "a.caffemodel")
    write_origin(tmp_path / "a.caffemodel", Origin(Data(SYNTHETIC), "mse", 400))
    onnx_file.export(tmp_path / "a.caffemodel", slim / PAIN.name, tmp_path / "a.onnx")
    model = onnx.load(str(tmp_path / "a.onnx"))
    texts = {prop.key: prop.value for prop in model.metadata_props}
    assert "synthetic faces" in texts["warning"] and texts["warning"] in model.doc_string
    assert not any("patients" in text for text in [*texts.values(), model.doc_string])


def test_a_caffemodel_alone_has_no_fold(slim, tmp_path):
    write_model(slim / FACE.name, tmp_path / "face.caffemodel")
    out = tmp_path / "new" / "trunk.onnx"
    process = run_tool("export_onnx.py", tmp_path / "face.caffemodel", "--net", slim / FACE.name, "--out", out)
    assert process.returncode == 0, process.stderr
    texts = {prop.key: prop.value for prop in onnx.load(str(out)).metadata_props}
    assert texts["warning"] == notice(Origin()) and from_dict(json.loads(texts["origin"])) == Origin()
    assert "output fc5" in texts and "output intensity" not in texts
    assert not {"solver", "command", "iteration", "fold"} & set(texts)


# ---- what goes wrong ----

def test_what_differs_is_not_written(slim, tmp_path, monkeypatch):
    def export():
        onnx_file.export(tmp_path / "a.caffemodel", slim / PAIN.name, tmp_path / "a.onnx")

    net = write_model(slim / PAIN.name, tmp_path / "a.caffemodel")
    monkeypatch.setitem(CONVERTERS, "Sigmoid",
                        lambda layer: [layer.add("Mul", layer.add("Sigmoid", *layer.bottoms), layer.constant(1.00004))])
    with pytest.raises(Problem, match="a.caffemodel: not exported: ONNX Runtime's intensity differs .*1e-05"):
        export()
    monkeypatch.undo()
    net.params["ip2_reg"][1].data[...] = 1000  # an intensity of 5, whatever comes before
    net.save(str(tmp_path / "a.caffemodel"))
    monkeypatch.setitem(CONVERTERS, "PReLU", lambda layer: [layer.add("Relu", *layer.bottoms)])
    with pytest.raises(Problem, match="ONNX Runtime's conv1a differs"):
        export()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.caffemodel"]


def test_what_is_no_number_is_not_written(slim, tmp_path):
    net = write_model(slim / PAIN.name, tmp_path / "a.caffemodel")
    for value, words in (np.inf, "layer conv3 has weights that are no numbers"), (
            1e38, "not exported.*intensity differs from caffe's by nan"):
        net.params["conv3"][0].data[0] = value
        net.save(str(tmp_path / "a.caffemodel"))
        with pytest.raises(Problem, match=words):
            onnx_file.export(tmp_path / "a.caffemodel", slim / PAIN.name, tmp_path / "a.onnx")
    assert not (tmp_path / "a.onnx").exists()


def test_nonsense(slim, tmp_path):
    model, net = tmp_path / "a.caffemodel", slim / PAIN.name
    assert_one_line_error(run_tool("export_onnx.py", model, "--net", net), model, "no such caffemodel")
    write_model(slim / FACE.name, model)
    assert_one_line_error(run_tool("export_onnx.py", model, "--net", net, "--out", model), model, "overwritten")
    assert_one_line_error(run_tool("export_onnx.py", model, model, "--out", "b"), "--out is for one")
    with pytest.raises(Problem, match="a.caffemodel: of another net than .*ip1_res5"):
        onnx_file.export(model, net, tmp_path / "a.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.caffemodel"]
