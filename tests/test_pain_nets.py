"""nets.py: caffe's nets built and filled, or one line that says why not."""
import caffe
import numpy as np
import pytest

from pain.errors import Problem
from pain.nets import build_net, load_net
from support.project import GENUINE

NET = """
layer { name: "input" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: %d } }
layer { name: "double" type: "Power" bottom: "y" top: "z" power_param { scale: 2 } include { stage: "doubled" } }
"""


@pytest.fixture
def net_file(tmp_path):
    (tmp_path / "net.prototxt").write_text(NET % 4)
    return tmp_path / "net.prototxt"


def test_a_net_is_built_in_its_stages(net_file):
    assert build_net(net_file).outputs == ["y"]
    assert build_net(str(net_file), ["doubled"]).outputs == ["z"]


def test_a_net_is_filled_with_all_of_its_weights(net_file, tmp_path):
    net = caffe.Net(str(net_file), caffe.TEST)
    net.params["ip"][0].data[...] = np.arange(12).reshape(4, 3)
    net.save(str(tmp_path / "a.caffemodel"))
    filled = load_net(net_file, tmp_path / "a.caffemodel", ["doubled"])
    filled.blobs["x"].data[...] = 1
    assert filled.forward()["z"].tolist() == 2 * [[6, 24, 42, 60]]


def test_weights_of_another_net_are_refused(net_file, tmp_path):
    caffe.Net(str(net_file), caffe.TEST).save(str(tmp_path / "a.caffemodel"))
    net_file.write_text(NET % 5)
    with pytest.raises(Problem, match="a.caffemodel: of another net than .*net.prototxt: layer ip has blobs "
                                      "4x3 4 there, 5x3 5 here"):
        load_net(net_file, tmp_path / "a.caffemodel")


def test_what_is_no_net(tmp_path):
    net = tmp_path / "b.prototxt"
    with pytest.raises(Problem, match="b.prototxt: no such net"):
        build_net(net)
    for content, words in (b"", "without layers"), (b"layer { naem: 1 }", "naem"), (b"\xff\xfe\x00", "text file"), (
            b'layer { name: "a" type: "Nonsense" }', "Nonsense"):
        net.write_bytes(content)
        if not (GENUINE and words == "Nonsense"):  # it ends the process
            with pytest.raises(Problem, match="b.prototxt: .*" + words):
                build_net(net)
