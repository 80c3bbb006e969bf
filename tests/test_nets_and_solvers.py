"""prototxt/: nets and solvers, as caffe reads them, against caffe-face's architecture and the paper's settings."""

import caffe
import numpy as np
import pytest
from caffe.proto import caffe_pb2
from google.protobuf import text_format

from pain import prototxts
from support.caffe_runs import layers_of, write_samples
from support.project import FACE, PAIN, ROOT

STAGES = {
    "mse": ["mse"],
    "smooth_l1": ["smooth_l1"],
    "l1_center_l1": ["l1", "center_l1"],
    "smooth_l1_center_l1": ["smooth_l1", "center_l1"],
    "smooth_l1_center_l2": ["smooth_l1", "center_l2"],
    "l1_center_l1_sampling": ["l1", "center_l1", "sampling"],
    "smooth_l1_center_l1_sampling": ["smooth_l1", "center_l1", "sampling"],
}


@pytest.fixture(scope="module")
def layers():
    return layers_of(PAIN)


@pytest.fixture(scope="module")
def face_layers():
    return layers_of(FACE)


@pytest.fixture(scope="module")
def deploy():
    return caffe.Net(str(PAIN), caffe.TEST, stages=["deploy"])


def trunk():
    """caffe-face's trunk, layer by layer: (name, type, bottoms, width, in a residual unit)."""
    def convolution(suffix, bottom, width, unit=False):
        yield "conv" + suffix, "Convolution", [bottom], width, unit
        yield "relu" + suffix, "PReLU", ["conv" + suffix], None, unit

    yield from convolution("1a", "data", 32)
    yield from convolution("1b", "conv1a", 64)
    yield "pool1b", "Pooling", ["conv1b"], None, False
    bottom = "pool1b"
    for stage, units, width, wider in (2, 1, 64, 128), (3, 2, 128, 256), (4, 5, 256, 512), (5, 3, 512, None):
        for unit in range(units):
            first, second = "%d_%d" % (stage, 2 * unit + 1), "%d_%d" % (stage, 2 * unit + 2)
            yield from convolution(first, bottom, width, True)
            yield from convolution(second, "conv" + first, width, True)
            yield "res" + second, "Eltwise", [bottom, "conv" + second], None, True
            bottom = "res" + second
        if wider:
            yield from convolution(str(stage), bottom, wider)
            yield "pool%d" % stage, "Pooling", ["conv%d" % stage], None, False
            bottom = "pool%d" % stage


@pytest.mark.parametrize("net", [PAIN, FACE])
def test_the_trunk_is_caffe_faces(net):
    layers, expected = layers_of(net), list(trunk())
    assert sum(kind == "Convolution" for _, kind, *_ in expected) == 27
    names = list(layers)
    start = names.index("conv1a")
    assert names[start:start + len(expected)] == [name for name, *_ in expected]
    for name, kind, bottoms, width, unit in expected:
        layer = layers[name]
        assert (layer.type, list(layer.bottom)) == (kind, bottoms)
        assert list(layer.top) == (bottoms if kind == "PReLU" else [name])  # PReLU in place
        if kind == "Convolution":
            parameters = layer.convolution_param
            filler = ("gaussian", np.float32(0.01)) if unit else ("xavier", 1)
            assert (parameters.num_output, list(parameters.kernel_size)) == (width, [3])
            assert list(parameters.pad) == ([1] if unit else []) and list(parameters.stride) in ([], [1])
            assert (parameters.weight_filler.type, parameters.weight_filler.std) == filler
        if kind == "Pooling":
            assert (layer.pooling_param.kernel_size, layer.pooling_param.stride) == (2, 2)


def test_shapes(deploy):
    shapes = {name: blob.data.shape for name, blob in deploy.blobs.items()}
    assert shapes["pixels"] == (1, 3, 112, 96) and shapes["conv1b"] == (1, 64, 108, 92)
    assert shapes["res5_6"] == (1, 512, 5, 4) and shapes["ip1_res5"] == (1, 50) and shapes["intensity"] == (1, 1)
    assert deploy.params["relu1a"][0].data.shape == (32,)  # a slope a channel
    parameters = sum(blob.data.size for blobs in deploy.params.values() for blob in blobs)
    assert 4 * parameters == pytest.approx(91.2e6, rel=0.01)


def test_preprocessing_is_exactly_caffe_faces(deploy):
    pixels = np.arange(256, dtype=np.float32).repeat(126).reshape(deploy.blobs["pixels"].data.shape)
    deploy.blobs["pixels"].data[...] = pixels
    deploy.forward(end="normalize")
    assert (deploy.blobs["data"].data == (pixels - np.float32(127.5)) * np.float32(0.0078125)).all()


def test_the_head_computes_five_sigmoids(deploy):
    deploy.blobs["pixels"].data[...] = np.random.RandomState(0).randint(0, 256, (1, 3, 112, 96))
    out = deploy.forward()["intensity"]
    hidden = (deploy.params["ip1_res5"][0].data.astype(float) @ deploy.blobs["res5_6"].data.ravel()
              + deploy.params["ip1_res5"][1].data)
    hidden = np.where(hidden > 0, hidden, hidden * deploy.params["relu_ip1"][0].data)
    score = deploy.params["ip2_reg"][0].data.astype(float) @ hidden + deploy.params["ip2_reg"][1].data
    np.testing.assert_allclose(out, 5 / (1 + np.exp(-score)).reshape(1, 1), rtol=1e-4)


def test_learning_rates(layers):
    assert not any(layer.param for layer in layers.values() if layer.type == "Convolution")  # 1 and 1
    for name in "ip1_res5", "ip2_reg":
        assert [(p.lr_mult, p.decay_mult) for p in layers[name].param] == [(1, 1), (2, 0)]
    for name in "pain_center_l1", "pain_center_l2":
        assert [(p.lr_mult, p.decay_mult) for p in layers[name].param] == [(1, 2)]
        assert list(layers[name].loss_weight) == [np.float32(0.01)]
    assert [(p.lr_mult, p.decay_mult) for p in layers["balanced_data"].param] == [(0, 0)]


def test_face_verification_is_trained_as_caffe_face_trains_it(face_layers):
    for name, kind, _, _, unit in trunk():
        if kind == "Convolution":
            assert [(p.lr_mult, p.decay_mult) for p in face_layers[name].param] == [(1, 1), (0 if unit else 2, 0)]
    fc5, fc6 = face_layers["fc5"], face_layers["fc6"]
    assert (list(fc5.bottom), fc5.inner_product_param.num_output) == (["res5_6"], 512)
    assert (list(fc6.bottom), fc6.inner_product_param.num_output) == (["fc5"], 10572)  # CASIA-WebFace's people
    center = face_layers["center_loss"]
    assert list(center.bottom) == ["fc5", "label"] and list(center.loss_weight) == [np.float32(0.008)]
    assert face_layers["train_data"].data_param.batch_size == 256 and face_layers["train_data"].transform_param.mirror

    text = FACE.with_name("face_verification_solver.prototxt").read_text()
    solver = text_format.Merge(text, caffe_pb2.SolverParameter())
    assert (solver.base_lr, solver.lr_policy, solver.gamma) == (np.float32(0.1), "multistep", np.float32(0.1))
    assert (list(solver.stepvalue), solver.max_iter) == ([16000, 24000, 28000], 28000)
    assert (solver.momentum, solver.weight_decay) == (np.float32(0.9), np.float32(5e-4))


def test_both_nets_see_the_same_pixels(layers, face_layers):
    assert layers["normalize"] == face_layers["normalize"] and layers["pixels"] == face_layers["pixels"]


@pytest.fixture
def fold(tmp_path_factory):
    """A folder as training runs in: slim prototxts three levels up, train_lmdb and val_lmdb of 12 frames of noise."""
    root = tmp_path_factory.mktemp("root")
    prototxts.make_slim(root / "prototxt", 16, 6)
    folder = root / "models" / "variant" / "01-subject"
    folder.mkdir(parents=True)
    images = np.random.RandomState(0).randint(0, 256, (12, 3, 112, 96)).astype(np.uint8)
    for name in "train_lmdb", "val_lmdb":
        write_samples(folder / name, images, [0, 1, 2, 3, 4, 5] * 2)
    return folder


def test_there_is_a_solver_a_variant():
    assert set(STAGES) == {path.stem for path in (ROOT / "prototxt" / "solvers").glob("*")
                           if "/pain_regression.prototxt" in path.read_text()}


@pytest.mark.parametrize("variant", sorted(STAGES))
def test_solvers(variant, fold, monkeypatch):
    solver = text_format.Merge((ROOT / "prototxt" / "solvers" / (variant + ".prototxt")).read_text(),
                               caffe_pb2.SolverParameter())
    assert list(solver.train_state.stage) == STAGES[variant]
    assert solver.net == "../../../prototxt/pain_regression.prototxt"
    assert (solver.base_lr, solver.lr_policy, solver.max_iter) == (np.float32(1e-4), "fixed", 5000)
    assert (solver.momentum, solver.weight_decay) == (np.float32(0.9), np.float32(5e-4))

    monkeypatch.chdir(fold)
    net = caffe.get_solver("../../../prototxt/solvers/%s.prototxt" % variant).net
    losses = [name for name in net._layer_names if name.startswith(("regression_", "pain_center_"))]
    regression = {"mse": "regression_mse", "smooth_l1": "regression_smooth_l1", "l1": "regression_l1"}
    center = {"center_l1": "pain_center_l1", "center_l2": "pain_center_l2"}
    assert losses == [name for stage, name in {**regression, **center}.items() if stage in STAGES[variant]]
    assert ("balanced_data" in net._layer_names) == ("sampling" in STAGES[variant])
    assert ("train_data" in net._layer_names) == ("sampling" not in STAGES[variant])
    assert not {"val_data", "pixels"} & set(net._layer_names)
    out = net.forward()
    intensity, label = (net.blobs[name].data.ravel().astype(float) for name in ("intensity", "label"))
    error = np.abs(intensity - label)
    expected = {"mse": (error ** 2).mean() / 2, "l1": error.mean(),
                "smooth_l1": np.where(error < 1, error ** 2 / 2, error - 0.5).mean()}
    assert out["regression_loss"] == pytest.approx(expected[STAGES[variant][0]], rel=1e-4)


def test_the_mse_variant_is_equation_1(layers):
    # EuclideanLoss is half the mean of squares, as test_solvers sees; its weight makes it whole.
    assert layers["regression_mse"].type == "EuclideanLoss" and list(layers["regression_mse"].loss_weight) == [2]


def test_phases(fold, monkeypatch):
    monkeypatch.chdir(fold)
    path = str(fold.parents[2] / "prototxt" / "pain_regression.prototxt")
    test = caffe.Net(path, caffe.TEST)
    assert test._layer_names[0] == "val_data" and set(test.outputs) == {"label", "intensity"}
    assert test.forward()["label"].tolist() == [0, 1, 2, 3, 4, 5]  # in order
    assert caffe.Net(path, caffe.TEST, stages=["deploy"]).inputs == ["pixels"]
