"""pycaffe where genuine Caffe cannot be asked: it aborts there, lacks a library, or has it wrong."""
import os
import subprocess
import sys

import numpy as np
import pytest

import caffe
from caffe.errors import CaffeError
from genuine import HERE

NET = """layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 4 } }
"""


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(NET)
    return caffe.Net(str(path), caffe.TEST)


def test_errors_say_what_there_is(net):
    for attempt, said in ((lambda: net.forward(q=np.zeros((2, 3))), r"\['q'\], the net's are \['x'\]"),
                          (lambda: net.forward(x=np.zeros((3, 3))), r"x is given shape \(3, 3\), the blob's is \(2, 3"),
                          (lambda: net.forward_all(x=np.zeros((2, 3)), y=np.zeros((3, 4))), "of different numbers"),
                          (lambda: caffe.Net("nowhere", 7), "TRAIN or caffe.TEST, not 7")):
        with pytest.raises(CaffeError, match=said):
            attempt()
    with pytest.raises(KeyError, match="no blob 'q'; its blobs are x, y"):
        net.forward(["q"])
    for attempt in net.forward, net.backward:
        for where in "start", "end":
            with pytest.raises(ValueError, match="no layer 'fc'; its layers are x, ip"):
                attempt(**{where: "fc"})


def test_forward_all_returns_other_blobs_whole(net):
    x = np.arange(15).reshape(5, 3)
    out = net.forward_all(blobs=["x"], x=x)
    np.testing.assert_array_equal(out["x"], x)
    assert out["y"].shape == (5, 4)


def test_weights_that_do_not_fit_change_nothing_and_name_the_layer(net, tmp_path):
    other = tmp_path / "other.prototxt"
    other.write_text(NET.replace("num_output: 4", "num_output: 5"))
    caffe.Net(str(other), caffe.TEST).save_hdf5(str(tmp_path / "w.h5"))
    before = net.params["ip"][0].data.copy()
    with pytest.raises(CaffeError, match=r"layer ip .*\(5, 3\).*\(4, 3\)"):
        net.load_hdf5(str(tmp_path / "w.h5"))
    np.testing.assert_array_equal(net.params["ip"][0].data, before)


def test_saving_into_no_folder_leaves_nothing(net, tmp_path):
    for save in net.save, net.save_hdf5:
        with pytest.raises(CaffeError, match="cannot be written"):
            save(str(tmp_path / "no" / "folder"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.prototxt"]


def test_images_grey_colour_transparent(tmp_path):
    from PIL import Image
    random = np.random.RandomState(0)
    grey, colour = random.randint(256, size=(6, 7)).astype("u1"), random.randint(256, size=(6, 7, 4)).astype("u1")
    for mode, array in ("L", grey), ("RGB", colour[..., :3]), ("RGBA", colour), ("LA", colour[..., :2]):
        path = str(tmp_path / (mode + ".png"))
        Image.fromarray(np.ascontiguousarray(array), mode).save(path)
        image = caffe.io.load_image(path)
        assert image.shape == (6, 7, 3) and image.dtype == np.float32
        expected = array[..., :3] if array.shape[2:] > (2,) else np.stack([array.reshape(6, 7, -1)[..., 0]] * 3, 2)
        np.testing.assert_allclose(image, expected / 255, atol=1e-6)
        assert caffe.io.load_image(path, color=False).shape == (6, 7, 1)


def test_the_mean_is_resized(tmp_path):
    transformer = caffe.io.Transformer({"data": (1, 3, 6, 5)})
    transformer.set_mean("data", np.full((3, 8, 8), 2.))
    assert transformer.mean["data"].shape == (3, 6, 5) and (transformer.mean["data"] == 2).all()
    transformer.set_mean("data", np.ones((6, 5)))
    assert transformer.mean["data"].shape == (3, 6, 5)


def test_a_transformer_leaves_the_image_alone():
    transformer = caffe.io.Transformer({"data": (1, 3, 4, 4)})
    transformer.set_raw_scale("data", 255)
    image = np.ones((4, 4, 3), np.float32)
    transformer.preprocess("data", image)
    assert (image == 1).all()


def test_context_around_windows(tmp_path):
    """A window of half the input's size, so that context doubles it; what is outside of the image is the mean."""
    prototxt = tmp_path / "net.prototxt"
    prototxt.write_text('layer { name: "x" type: "Input" top: "x" input_param { shape { dim: [1, 3, 8, 8] } } }')
    detector = caffe.Detector(str(prototxt), None, mean=np.array([1., 2., 3.]), raw_scale=10, context_pad=2)
    np.testing.assert_allclose(detector.crop_mean[0, 0], [.1, .2, .3])
    image = np.random.RandomState(0).uniform(size=(20, 20, 3)).astype(np.float32)
    inside = detector.crop(image, np.array([8, 8, 11, 11]))  # 4 x 4 pixels; with context 8 x 8, and a pixel of rounding
    assert inside.shape == (8, 8, 3)
    assert abs(inside.mean() - image[6:14, 6:14].mean()) < 0.02
    corner = detector.crop(image, np.array([0, 0, 3, 3]))
    np.testing.assert_allclose(corner[:2, :2], np.broadcast_to([.1, .2, .3], (2, 2, 3)))
    assert not np.isclose(corner[4:, 4:], [.1, .2, .3]).any()


def test_log_and_its_level(capfd):
    before = os.environ.get("GLOG_minloglevel")
    try:
        caffe.init_log(0)
        caffe.log("told")
        caffe.init_log(2, True)
        caffe.log("not told")
    finally:
        os.environ["GLOG_minloglevel"] = before or "0"
    said = capfd.readouterr().err
    assert said.startswith("I") and " _caffe.cpp:68] " in said and said.endswith("] told\n")


def test_drawing_needs_pydot_and_says_so(tmp_path):
    import caffe.draw
    lenet = caffe.build.read_net(str(HERE / "older_formats" / "v0_trunk.prototxt"))
    try:
        import pydot  # noqa: F401
    except ImportError:
        with pytest.raises(CaffeError, match="pip install pydot"):
            caffe.draw.draw_net_to_file(lenet, str(tmp_path / "net.png"))


class FakeDot:
    """What of pydot caffe.draw uses."""

    def __init__(self, *args, **attributes):
        self.args, self.attributes, self.nodes, self.edges = args, attributes, [], []
        self.add_node, self.add_edge = self.nodes.append, self.edges.append

    def create(self, format):
        return format.encode()


def test_drawing(monkeypatch, tmp_path):
    import sys
    import types

    import caffe.draw
    monkeypatch.setitem(sys.modules, "pydot", types.SimpleNamespace(Dot=FakeDot, Node=FakeDot, Edge=FakeDot))
    net = caffe.build.read_net(str(HERE / "older_formats" / "v0_trunk.prototxt"))
    graph = caffe.draw.get_pydot_graph(net, "TB", display_lrm=True)
    labels = {node.args[0]: node.attributes["label"] for node in graph.nodes}
    assert labels["conv1_Convolution"] == '"conv1 (Convolution) kernel size: 5 stride: 2 pad: 2 lr mult: [1.0, 2.0]"'
    assert labels["pool1_Pooling"] == '"pool1 (AVE Pooling) kernel size: 3 stride: 2 pad: 1"'
    assert labels["fc_blob"] == '"fc"'
    assert len(graph.nodes) == len(net.layer) + 14  # with the blobs
    assert len(graph.edges) == sum(len(layer.bottom) + len(layer.top) for layer in net.layer)
    caffe.draw.draw_net_to_file(net, str(tmp_path / "net.png"), "LR")
    assert (tmp_path / "net.png").read_bytes() == b"png"
    net.layer[1].include.add(phase=caffe.TRAIN)
    shown = caffe.draw.get_pydot_graph(net, "LR", label_edges=False, phase=caffe.TEST)
    assert "conv1_Convolution" not in {node.args[0] for node in shown.nodes}


def test_messages_need_no_torch():
    code = ("import caffe, sys; from caffe.proto import caffe_pb2; caffe.TEST; caffe.io; caffe.layers; "
            "assert 'torch' not in sys.modules; from caffe import *; Net, Layer, io, params")
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'net_of_nothing'"):
        getattr(caffe, "net_of_nothing")  # noqa: B009
    assert {"Net", "SGDSolver", "io", "proto", "TRAIN", "Classifier"} <= set(dir(caffe))


def test_a_field_that_only_a_fork_knows_is_refused_with_its_layer():
    from caffe import layers as L
    for fields, name in (dict(num_output=1, fork=2), "fork"), (dict(convolution_param=dict(spork=3)), "spork"):
        net = caffe.NetSpec()
        net.x = L.Input(shape=dict(dim=[1, 2]))
        net.conv7 = L.Convolution(net.x, **fields)
        with pytest.raises(AttributeError, match=r"layer conv7 \(Convolution\): .*%s" % name):
            net.to_proto()
