"""Nets and solvers of older formats: brought into the very form that genuine Caffe's tools give them, or refused.

older_formats/ has the files, recorded/upgraded/ what BVLC's upgrade_net_proto_text and upgrade_solver_proto_text made
of them (`python record.py upgraded` records it again). That such nets compute the same is tested by test_pycaffe.py.
"""
import pytest

from caffe import build
from caffe.errors import CaffeError
from caffe.proto import caffe_pb2
from genuine import OLD, UPGRADED, needs_genuine, upgrade_by_genuine_caffe


def message(path):
    return caffe_pb2.SolverParameter() if path.stem.startswith("solver") else caffe_pb2.NetParameter()


@pytest.mark.parametrize("path", OLD, ids=[path.stem for path in OLD])
def test_as_genuine_caffe(path):
    read = build.read_solver if path.stem.startswith("solver") else build.read_net
    assert read(path) == build.read_text(UPGRADED / path.name, message(path))


@pytest.mark.parametrize("path", OLD, ids=[path.stem for path in OLD])
def test_upgrading_again_changes_nothing(path):
    read = build.read_solver if path.stem.startswith("solver") else build.read_net
    assert read(UPGRADED / path.name) == build.read_text(UPGRADED / path.name, message(path))


@needs_genuine
@pytest.mark.parametrize("path", OLD, ids=[path.stem for path in OLD])
def test_the_record_is_what_genuine_caffe_says(path, tmp_path):
    upgrade_by_genuine_caffe(path, tmp_path / "out.prototxt")
    assert (tmp_path / "out.prototxt").read_text() == (UPGRADED / path.name).read_text()


def test_binary_as_text(tmp_path):
    for path in OLD:
        if not path.stem.startswith("solver"):
            binary = tmp_path / "old.caffemodel"
            binary.write_bytes(build.read_text(path, caffe_pb2.NetParameter()).SerializeToString())
            assert build.read_weights(binary) == build.read_net(path)


def test_weights_need_no_type(tmp_path):
    # V1 has no number for the types that came after it, such as PReLU; Caffes that gave them one wrote caffemodels.
    path = tmp_path / "old.caffemodel"
    old = caffe_pb2.NetParameter()
    old.layers.add(name="slope").blobs.add(num=1, channels=1, height=1, width=1, data=[2])
    path.write_bytes(old.SerializeToString())
    layer, = build.read_weights(path).layer
    assert (layer.name, layer.type, list(layer.blobs[0].data)) == ("slope", "", [2])


@pytest.mark.parametrize("text, said", [
    ('layer { name: "a" type: "ReLU" } layers { name: "b" type: RELU }', "both `layer` and the old `layers`"),
    ('layers { layer { name: "b" type: "fancy" } }', "layer b: unknown layer type 'fancy' of the V0 format; known are"),
    ('layers { layer { name: "b" } }', "layer b: unknown layer type ''"),
    ('layers { layer { name: "p" type: "padding" } bottom: "x" top: "y" } '
     'layers { layer { name: "b" type: "relu" } bottom: "y" top: "z" }', "layer b takes the padded blob y; only conv"),
    ('layers { layer { name: "p" type: "padding" } top: "y" }', "padding layer p takes one blob and makes one"),
    ('input: "x" input_dim: 1 input_dim: 2', "1 `input` and 2 `input_dim`; give four"),
    ('input: "x" input: "y" input_shape { dim: 1 }', "2 `input` and 1 `input_shape`; give one"),
])
def test_refusals_name_the_file(text, said, tmp_path):
    path = tmp_path / "old.prototxt"
    path.write_text(text)
    with pytest.raises(CaffeError) as raised:
        build.read_net(path)
    assert str(raised.value).startswith(str(path)) and said in str(raised.value)


def test_refused_solver(tmp_path):
    path = tmp_path / "solver.prototxt"
    path.write_text('net: "n" type: "SGD" solver_type: ADAM')
    with pytest.raises(CaffeError, match="solver.prototxt: gives both type and the old solver_type"):
        build.read_solver(path)


def test_nets_inside_of_a_solver(tmp_path):
    path = tmp_path / "solver.prototxt"
    old = 'layers { name: "a" type: RELU bottom: "x" top: "x" }'
    path.write_text("train_net_param { %s } test_net_param { %s } net_param { %s }" % (old, old, old))
    param = build.read_solver(path)
    for net in param.train_net_param, param.test_net_param[0], param.net_param:
        assert [layer.type for layer in net.layer] == ["ReLU"]
