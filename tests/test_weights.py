"""What of a net a caffemodel fills: the rules against Caffe itself, in every format there has been, and the command."""
import functools
import os
import shutil
import subprocess

import caffe
import numpy as np
import pytest
from caffe.proto import caffe_pb2
from google.protobuf import text_format

import check_weights
from pain import models, nets, weights
from pain.errors import Problem
from support.caffe_runs import write_slim_nets
from support.project import BVLC, FACE, GENUINE, PAIN, assert_one_line_error, needs_bvlc, run_here, run_tool

V1 = caffe_pb2.V1LayerParameter


def add_blob(layer, values, legacy):
    """Give the layer a blob with these values (an array), its shape in today's form or in the old one of four axes."""
    blob = layer.blobs.add(data=values.ravel().tolist())
    if legacy:
        blob.num, blob.channels, blob.height, blob.width = (1,) * (4 - values.ndim) + values.shape
    else:
        blob.shape.dim.extend(values.shape)


def write_caffemodel(path, stored, form="today's"):
    """Write a caffemodel of layer name -> list of arrays. form: today's, legacy (blobs of 4 axes), V1, V0 or HDF5."""
    if form == "HDF5":
        import h5py
        with h5py.File(str(path), "w") as file:
            for name, arrays in stored.items():
                for i, values in enumerate(arrays):
                    file["data/%s/%d" % (name, i)] = values
        return
    net = caffe_pb2.NetParameter()
    for name, arrays in stored.items():
        kind = "conv" if name.startswith("conv") else "innerproduct" if name.startswith(("fc", "ip")) else None
        if form == "V0":
            layer = net.layers.add().layer
            layer.name, layer.type = name, kind or "relu"
        elif form == "V1":  # whose enumeration has no PReLU: such layers have no type there
            layer = net.layers.add(name=name)
            if kind:
                layer.type = {"conv": V1.CONVOLUTION, "innerproduct": V1.INNER_PRODUCT}[kind]
        else:
            layer = net.layer.add(name=name)
        for values in arrays:
            add_blob(layer, values, form != "today's")
    path.write_bytes(net.SerializeToString())


def face_shapes(divide=1):
    """The blobs of caffe-face's caffemodel, its trunk `divide` times as narrow: name -> list of shapes."""
    net = text_format.Merge(FACE.read_text(), caffe_pb2.NetParameter())
    channels, shapes = {"data": 3}, {}
    for layer in net.layer:
        if layer.type == "Convolution":
            width = layer.convolution_param.num_output // divide
            shapes[layer.name] = [(width, channels[layer.bottom[0]], 3, 3), (width,)]
            channels[layer.top[0]] = width
        elif layer.type == "PReLU":
            shapes[layer.name] = [(channels[layer.bottom[0]],)]
        else:
            channels.setdefault(layer.top[0], channels.get(layer.bottom[0]) if layer.bottom else 3)
    return dict(shapes, fc5=[(512, 10240 // divide), (512,)], fc6=[(100, 512), (100,)], center_loss=[(100, 512)])


def face_model():
    """The like of caffe-face's caffemodel, of random values and 1/16 as wide: name -> list of arrays."""
    random = np.random.RandomState(0)
    return {name: [random.rand(*shape).astype(np.float32) for shape in shapes]
            for name, shapes in face_shapes(16).items()}


@pytest.fixture(scope="module")
def slim(tmp_path_factory):
    """The prototxts with trunks 1/16 as wide."""
    return write_slim_nets(tmp_path_factory.mktemp("slim"))


# ---- caffe-face's model ----

@pytest.mark.parametrize("form", ["today's", "legacy", "V1", "V0", "HDF5"])
@pytest.mark.parametrize("net, head", [(PAIN, ["ip1_res5", "relu_ip1", "ip2_reg"]), (FACE, [])])
def test_a_face_model_fills_the_trunk_and_nothing_else(slim, tmp_path, net, head, form):
    path, stored = tmp_path / "face_model.caffemodel", face_model()
    write_caffemodel(path, stored, form)
    net = nets.build_net(slim / net.name, ["deploy"])
    assert len(set(stored) & set(net.params)) == 54 + (not head)
    layers = weights.match(net, weights.read_blobs(path))
    assert weights.names(layers, "random") == head and not weights.names(layers, "refused")
    assert set(weights.names(layers, "filled")) == set(stored) & set(net.params)

    before = {name: [blob.data.copy() for blob in blobs] for name, blobs in net.params.items()}
    net.copy_from(str(path))  # Caffe's own
    for name, blobs in net.params.items():
        assert name in stored or name in head
        for blob, expected in zip(blobs, stored.get(name, before[name])):
            assert (blob.data == expected).all()


@pytest.mark.parametrize("net, said", [(PAIN, "54 of 57 layers; random: ip1_res5, relu_ip1, ip2_reg"),
                                       (FACE, "55 of 55 layers")])
def test_the_full_face_model(net, said):
    stored = {name: [weights.StoredBlob(shape, np.prod(shape), False) for shape in shapes]
              for name, shapes in face_shapes().items()}
    layers = weights.match(nets.build_net(net, ["deploy"]), stored)
    assert weights.summary("models/face_model.caffemodel", layers) == "face_model.caffemodel fills " + said


# ---- the rules ----

NET = """
layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 dim: 5 dim: 5 } } }
layer { name: "conv" type: "Convolution" bottom: "x" top: "y" convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "relu" type: "ReLU" bottom: "y" top: "y" }
layer { name: "ip" type: "InnerProduct" bottom: "y" top: "z" inner_product_param { num_output: 2 bias_term: false } }
layer { name: "slope" type: "PReLU" bottom: "z" top: "z" prelu_param { channel_shared: true } }
"""


def blobs(*shapes, legacy=False, values=None):
    return [(shape, legacy, int(np.prod(shape)) if values is None else values) for shape in shapes]


CASES = [  # a layer, its blobs in the file, and what Caffe does
    ("conv", blobs((4, 3, 3, 3), (4,)), "filled"),
    ("conv", blobs((4, 3, 3, 3), (1, 1, 1, 4), legacy=True), "filled"),
    ("conv", blobs((4, 3, 3, 3), (1, 4, 1, 1), legacy=True), "refused"),
    ("conv", blobs((4, 3, 3, 3), (1, 1, 1, 4)), "refused"),
    ("conv", blobs((4, 27), (4,)), "refused"),
    ("conv", blobs((4, 3, 3, 3)), "refused"),
    ("conv", blobs((4, 3, 3, 3), (4,), (1,)), "refused"),
    ("conv", [], "refused"),
    ("ip", blobs((1, 1, 2, 36), legacy=True), "filled"),
    ("ip", blobs((2, 36, 1, 1), legacy=True), "refused"),
    ("ip", blobs((36, 2)), "refused"),
    ("slope", blobs(()), "filled"),
    ("slope", blobs((1, 1, 1, 1), legacy=True), "filled"),
    ("slope", blobs((1,)), "refused"),
    ("relu", blobs((4,)), "refused"),
    ("other", blobs((4,)), None),
]


@pytest.fixture
def case_files(tmp_path):
    """The net, and CASES as caffemodels."""
    (tmp_path / "net.prototxt").write_text(NET)
    for i, (name, stored, _) in enumerate(CASES):
        net = caffe_pb2.NetParameter()
        layer = net.layer.add(name=name)
        for shape, legacy, count in stored:
            blob = layer.blobs.add(data=range(count))
            if legacy:
                blob.num, blob.channels, blob.height, blob.width = shape
            else:
                blob.shape.dim.extend(shape)
        (tmp_path / ("%d.caffemodel" % i)).write_bytes(net.SerializeToString())
    return tmp_path


def test_the_rules(case_files):
    net = nets.build_net(case_files / "net.prototxt")
    for i, (name, _, status) in enumerate(CASES):
        layers = weights.match(net, weights.read_blobs(case_files / ("%d.caffemodel" % i)))
        expected = dict(dict.fromkeys(["conv", "ip", "slope"], "random"), **{name: status} if status else {})
        assert {layer.name: layer.status for layer in layers} == expected, CASES[i]


@pytest.mark.skipif(GENUINE, reason="genuine Caffe ends the process: see the next test")
def test_the_rules_are_the_engines(case_files):
    net = caffe.Net(str(case_files / "net.prototxt"), caffe.TEST)
    for i, case in enumerate(CASES):
        try:
            net.copy_from(str(case_files / ("%d.caffemodel" % i)))
            refused = False
        except caffe.CaffeError:
            refused = True
        assert refused == (case[2] == "refused"), case


@needs_bvlc
def test_the_rules_are_genuine_caffes(case_files):
    script = """if True:
        import caffe, os, sys
        for i in range(int(sys.argv[1])):
            if not os.fork():
                caffe.Net("net.prototxt", caffe.TEST).copy_from("%d.caffemodel" % i)
                os._exit(0)
            print(os.wait()[1], flush=True)"""
    process = subprocess.run([str(BVLC / "python"), "-c", script, str(len(CASES))], cwd=str(case_files),
                             env=dict(os.environ, PYTHONPATH="", GLOG_minloglevel="2"), capture_output=True,
                             text=True)
    refused = [status != "0" for status in process.stdout.split()]
    assert refused == [status == "refused" for _, _, status in CASES], process.stderr
    assert process.stderr.count("Cannot copy param") + process.stderr.count("Incompatible number") == sum(refused)


def test_too_few_values_are_refused(tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    net = caffe_pb2.NetParameter()
    net.layer.add(name="ip").blobs.add(data=[1, 2]).shape.dim.extend([2, 36])
    (tmp_path / "short.caffemodel").write_bytes(net.SerializeToString())
    with pytest.raises(Problem, match=r"layer ip has blobs 2x36 \(with 2 values\) there, 2x36 here"):
        nets.check_weights(tmp_path / "short.caffemodel", tmp_path / "net.prototxt")


# ---- the command ----

def run_check(*args):
    return run_here(check_weights.main, *args)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e38])  # the last is a number, and what is computed with it is none
def test_what_is_no_number_is_refused(slim, tmp_path, value):
    caffe.set_random_seed(1)
    net = nets.build_net(slim / PAIN.name, ["deploy"])
    net.params["conv3"][0].data[...] = value
    net.params["conv4"][0].data[::2] *= -1  # of infinities both signs meet
    net.save(str(tmp_path / "a.caffemodel"))
    load = functools.partial(models.PainNets, [tmp_path / "a.caffemodel"], slim / PAIN.name)
    check = functools.partial(nets.check_weights, tmp_path / "a.caffemodel", slim / PAIN.name)
    if np.isfinite(value):
        assert check()
        with pytest.raises(Problem, match="computes what is no number .* lower base_lr"):
            load()(np.full((1, 112, 96, 3), 200, np.uint8))
        return
    if np.isnan(value):
        said = run_check(tmp_path / "a.caffemodel", "--net", slim / PAIN.name)
        assert_one_line_error(said, "layer conv3", "no numbers")
    for read in load, check:
        with pytest.raises(Problem, match="a.caffemodel: layer conv3 has weights that are no numbers"):
            read()


def test_the_command_tells_what_is_filled(slim, tmp_path):
    stored = face_model()
    write_caffemodel(tmp_path / "face.caffemodel", stored, "legacy")
    process = run_check(tmp_path / "face.caffemodel", "--net", slim / PAIN.name)
    assert process.returncode == 0 and not process.stderr, process.stderr
    rows = [line.split() for line in process.stdout.splitlines()]
    assert rows[1] == ["conv1a", "filled", "2x3x3x3", "2", "2x3x3x3", "1x1x1x2"]
    assert rows[-3] == ["ip2_reg", "random", "1x50", "1", "missing"]
    trunk = sum(values.size for name, arrays in stored.items() if name[:4] in ("conv", "relu") for values in arrays)
    head = 50 * 640 + 50 + 50 + 50 + 1
    assert process.stdout.splitlines()[-1] == (
        "face.caffemodel fills 54 of 57 layers; random: ip1_res5, relu_ip1, ip2_reg, %d of %d parameters; "
        "in the file only: fc5, fc6, center_loss" % (trunk, trunk + head))

    stored["conv3"] = [stored["conv3"][0][:, 1:], stored["conv3"][1]]
    write_caffemodel(tmp_path / "face.caffemodel", stored)
    process = run_check(tmp_path / "face.caffemodel", "--net", slim / PAIN.name)
    assert process.returncode == 1 and "; refused: conv3, " in process.stdout
    with pytest.raises(Problem, match="layer conv3 has blobs 16x7x3x3 16 there, 16x8x3x3 16 here"):
        nets.check_weights(tmp_path / "face.caffemodel", slim / PAIN.name)
    write_caffemodel(tmp_path / "face.caffemodel", {"fc6": stored["fc6"]})
    process = run_check(tmp_path / "face.caffemodel", "--net", slim / PAIN.name)
    assert process.returncode == 1 and "fills 0 of 57 layers" in process.stdout
    with pytest.raises(Problem, match=r"fills no layer.*its layers: fc6\)"):
        nets.check_weights(tmp_path / "face.caffemodel", slim / PAIN.name)


def test_a_slim_nets_prototxt_is_found_above_the_file(slim, tmp_path):
    path = tmp_path / "models" / "variant" / "01-subject" / "pain_iter_6.caffemodel"
    path.parent.mkdir(parents=True)
    (tmp_path / "prototxt").mkdir()
    shutil.copy(str(slim / PAIN.name), str(tmp_path / "prototxt"))
    write_caffemodel(path, face_model())
    process = run_check(path)
    assert process.returncode == 0 and "fills 54 of 57 layers" in process.stdout, process.stdout
    (tmp_path / "prototxt" / PAIN.name).unlink()
    assert run_check(path).returncode == 1  # the project's, 16 times as wide


def test_nonsense(slim, tmp_path):
    path = tmp_path / "a.caffemodel"
    assert_one_line_error(run_check(path), path, "no such caffemodel", "models/README.md")
    assert_one_line_error(run_check(tmp_path), tmp_path, "Is a directory")
    assert_one_line_error(run_tool("check_weights.py"), "check_weights.py: ", "file", "--help")
    for content in b"", b"<!DOCTYPE html><html></html>", b"\x89HDF\r\n\x1a\n" + bytes(100), PAIN.read_bytes():
        path.write_bytes(content)
        with pytest.raises(Problem, match="a.caffemodel: not a caffemodel"):
            weights.read_blobs(path)
    path.write_bytes(caffe_pb2.NetParameter(name="nothing").SerializeToString())
    with pytest.raises(Problem, match=r"fills no layer of .*its layers: none\)"):
        nets.check_weights(path, slim / PAIN.name)
