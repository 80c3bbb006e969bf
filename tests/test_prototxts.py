"""prototxts.py: prototxt files read, changed, and made slim."""
import shutil

import pytest
from caffe.proto import caffe_pb2
from google.protobuf import text_format

from pain import prototxts
from pain.errors import Problem
from support.caffe_runs import layers_of
from support.project import FACE, PAIN, ROOT


def test_a_prototxt_is_read(tmp_path):
    (tmp_path / "solver.prototxt").write_text("base_lr: 0.5  # a comment")
    assert prototxts.read_prototxt(tmp_path / "solver.prototxt", caffe_pb2.SolverParameter()).base_lr == 0.5


@pytest.mark.parametrize("content, words", [
    (None, "no such prototxt; prototxt/ has ours"), (b"\xff\xfe\x00", "not a prototxt, which is a text file"),
    (b"bass_lr: 1", "not a SolverParameter prototxt: .*bass_lr"),
    (b"base_lr: 1 base_lr: 2", "not a SolverParameter prototxt: .*base_lr")])
def test_what_is_no_prototxt(tmp_path, content, words):
    if content is not None:
        (tmp_path / "solver.prototxt").write_bytes(content)
    with pytest.raises(Problem, match="solver.prototxt: " + words):
        prototxts.read_prototxt(tmp_path / "solver.prototxt", caffe_pb2.SolverParameter())


@pytest.mark.parametrize("net", [PAIN, FACE])
def test_slim_nets_divide_the_trunk_only(tmp_path, net):
    prototxts.make_slim(tmp_path / "slim", 8, 32, "base_lr: 0.5")
    slim, layers = layers_of(tmp_path / "slim" / net.name), layers_of(net)
    assert list(slim) == list(layers)
    for layer in slim.values():
        original = caffe_pb2.LayerParameter()
        original.CopyFrom(layers[layer.name])
        if layer.type == "Convolution":
            original.convolution_param.num_output //= 8
        if layer.HasField("data_param"):
            original.data_param.batch_size = 32
        if layer.name == "balanced_data":
            original.python_param.param_str = original.python_param.param_str.replace("64", "32")
        assert layer == original
    for path in (ROOT / "prototxt" / "solvers").glob("*"):
        wanted = text_format.Merge(path.read_text() + "base_lr: 0.5", caffe_pb2.SolverParameter())
        made = (tmp_path / "slim" / "solvers" / path.name).read_text()
        assert text_format.Merge(made, caffe_pb2.SolverParameter()) == wanted
    solver = FACE.with_name("face_verification_solver.prototxt")  # tools/pretrain.py has its own settings
    assert (text_format.Merge((tmp_path / "slim" / solver.name).read_text(), caffe_pb2.SolverParameter())
            == text_format.Merge(solver.read_text(), caffe_pb2.SolverParameter()))


def test_a_seed_reaches_every_net_and_solver(tmp_path):
    """Also the nets and solvers of baselines; nothing else is changed by it."""
    for seed in None, 7:
        prototxts.make_slim(tmp_path / str(seed), 16, 12, seed=seed)
    without, seeded = ({path.relative_to(folder): path.read_text() for path in sorted(folder.rglob("*.prototxt"))}
                       for folder in (tmp_path / "None", tmp_path / "7"))
    for path, text in without.items():
        expected = text.replace("random_seed: 1\n", "random_seed: 7\n").replace("\\'seed\\': 1}", "\\'seed\\': 7}")
        assert seeded[path] == expected != text or "seed" not in text, path


def test_settings_replace_lists():
    solver = caffe_pb2.SolverParameter(stepvalue=[10, 20], max_iter=30, base_lr=1)
    prototxts.with_changes(solver, "stepvalue: 5 max_iter: 7", "--settings")
    assert solver == caffe_pb2.SolverParameter(stepvalue=[5], max_iter=7, base_lr=1)


@pytest.mark.parametrize("divide, changes, message", [(3, "", "layer conv1a has 32"), (2, "lr: 1", "--solver")])
def test_slim_refuses(tmp_path, divide, changes, message):
    with pytest.raises(Problem, match=message):
        prototxts.make_slim(tmp_path / "slim", divide, 64, changes)
    shutil.rmtree(str(tmp_path))
