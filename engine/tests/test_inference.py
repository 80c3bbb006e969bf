"""Forwards of which no backward follows: again and again the same, whatever scripts do to the net in between."""
import itertools
import weakref

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

import caffe
from caffe import fused, inference, packed, winograd
from caffe.errors import CaffeError
from caffe.layer_types.convolution import Convolution

NET = """layer { name: "x" type: "Input" top: "x" input_param { shape { dim: [2, 3, 9, 8] } } }
layer { name: "a" type: "Convolution" bottom: "x" top: "a" convolution_param { num_output: 5 kernel_size: 3 pad: 1
  weight_filler { type: "gaussian" std: 0.3 } bias_filler { type: "gaussian" std: 1 } } }
layer { name: "p" type: "PReLU" bottom: "a" top: "a" }
layer { name: "b" type: "Convolution" bottom: "a" top: "b" convolution_param { num_output: 5 kernel_size: 2 stride: 2
  weight_filler { type: "gaussian" std: 0.3 } } }
layer { name: "c" type: "Convolution" bottom: "a" top: "c" convolution_param { num_output: 5 kernel_size: 2 stride: 2
  bias_term: false weight_filler { type: "gaussian" std: 0.3 } } }
layer { name: "sum" type: "Eltwise" bottom: "b" bottom: "c" top: "sum" }
layer { name: "pool" type: "Pooling" bottom: "sum" top: "pool" pooling_param { kernel_size: 2 stride: 2 } }
"""
FILLED = 'weight_filler { type: "gaussian" std: 0.3 } bias_filler { type: "gaussian" std: 1 }'
FUSED = 4  # passes: of the last, layers are one step
RANDOM = np.random.RandomState(0)
IMAGES = RANDOM.randn(7, 3, 9, 8).astype(np.float32)


def convolved(x, weight, bias, stride):
    """x (N, C, H, W) as SciPy correlates it with the weights, in float64."""
    y = np.array([[sum(scipy.signal.correlate2d(plane, kernel, "valid") for plane, kernel in zip(image, kernels))
                   for kernels in weight.astype(float)] for image in x.astype(float)])
    return y[..., ::stride, ::stride] + (0 if bias is None else bias[:, None, None])


def by_scipy(net, x):
    """What the net makes of x: the blobs a, sum and pool."""
    params = {name: [blob.data.copy() for blob in blobs] for name, blobs in net.params.items()}
    a = convolved(np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)]), *params["a"], 1)
    a = np.where(a > 0, a, a * params["p"][0][:, None, None])
    total = convolved(a, *params["b"], 2) + convolved(a, params["c"][0], None, 2)
    padded, (rows, columns) = np.pad(total, [(0, 0)] * 2 + [(0, 1)] * 2, constant_values=-np.inf), total.shape[2:]
    pool = np.maximum.reduce([padded[:, :, i::2, j::2][:, :, :-(-rows // 2), :-(-columns // 2)]
                              for i, j in itertools.product(range(2), repeat=2)])
    return {"a": a, "sum": total, "pool": pool}


def assert_right(net, x=IMAGES[:2]):
    if net.blobs["x"].shape != x.shape:
        net.blobs["x"].reshape(*x.shape)
    net.blobs["x"].data[...] = x
    for _ in range(FUSED):  # to look at weights, below, is to have them compiled anew
        made = net.forward(["a", "sum"])
    for name, values in by_scipy(net, x).items():
        np.testing.assert_allclose(made[name], values, rtol=0, atol=1e-5 * abs(values).max())


@pytest.fixture(params=["layers", "fused", "winograd"])
def net(tmp_path, request, monkeypatch):
    """Computed layer by layer, as one compiled function, or with the convolution a by Winograd's filtering."""
    if request.param == "winograd":
        monkeypatch.setattr(packed, "FEW", 1)
        monkeypatch.setattr(winograd, "suits_each", lambda sizes, weight, *_: weight[2:] == (3, 3))
    monkeypatch.setattr(fused, "AFTER", 2 if request.param == "fused" else 10 ** 6)
    (tmp_path / "net").write_text(NET)
    caffe.set_random_seed(1)
    net = caffe.Net(str(tmp_path / "net"), caffe.TEST)
    assert_right(net)
    return net


def write_and_let_go(net, path):
    net.params["a"][0].data[...] *= -1


def write_what_was_held(net, path):
    if not hasattr(net, "held"):
        net.held = [net.params[name][0].data for name in "ab"]
        net.forward()
    net.held[0][...] += 1
    net.held[1][...] *= 2


def write_biases(net, path):
    net.params["a"][1].data[...] = [1, -2, 3, -4, 5]
    net.params["p"][0].data[...] = [.1, .2, .3, .4, .5]


def load(net, path):
    other = caffe.Net(str(path / "net"), caffe.TEST)
    other.save(str(path / "weights"))
    net.copy_from(str(path / "weights"))


def share(net, path):
    net.share_with(caffe.Net(str(path / "net"), caffe.TEST))


def replace(net, path):
    net.params["c"][0].reshape(5, 5, 2, 2)
    net.params["c"][0].data[...] = 1


@pytest.mark.parametrize("change", [write_and_let_go, write_what_was_held, write_biases, load, share, replace],
                         ids=lambda function: function.__name__)
def test_changed_weights_count_at_once(net, tmp_path, change):
    for _ in range(2):
        change(net, tmp_path)
        for _ in range(2):
            assert_right(net)


def test_weights_that_nets_share_count_in_each(net, tmp_path):
    other = caffe.Net(str(tmp_path / "net"), caffe.TEST)
    other.share_with(net)
    for scale in 1, 2, 3:
        net.params["a"][0].data[...] *= scale
        assert_right(other)
        assert_right(net)


@pytest.mark.parametrize("net", ["layers", "fused"], indirect=True)
def test_each_number_of_images_gives_the_same_bits(net):
    alone = []
    for image in IMAGES:
        assert_right(net, image[None])
        alone.append(net.blobs["sum"].data[0].copy())
    for count in 7, 3, 7, 2:
        assert_right(net, IMAGES[:count])
        np.testing.assert_array_equal(net.blobs["sum"].data, alone[:count])


def steps(net):
    """How many steps the rows of layers of the net have."""
    return [len(part._steps) for part in list(net.parts.values())[-1] if isinstance(part, inference.Row)]


@pytest.mark.parametrize("net", ["fused"], indirect=True)
@pytest.mark.parametrize("change", [write_and_let_go, write_biases, load, share, replace,
                                    lambda net, path: net.blobs["x"].reshape(3, 3, 9, 8),
                                    lambda net, path: torch.set_num_threads(3 - min(2, torch.get_num_threads()))])
def test_layers_are_one_step_until_anything_changes(net, tmp_path, change):
    threads = torch.get_num_threads()
    for _ in range(FUSED):
        net.forward()
    assert steps(net) == [1]
    try:
        change(net, tmp_path)
        counts = []
        for _ in range(FUSED):
            net.forward()
            counts += steps(net)
        assert counts == [6, 6, 1, 1]
        assert_right(net, net.blobs["x"].data.copy())
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("net", ["fused"], indirect=True)
def test_weights_that_a_script_holds_may_change(net, tmp_path):
    held = net.params["a"][0].data
    for _ in range(3):
        held[...] *= 2
        assert_right(net)
    assert steps(net) == [6]


def other_values(self, *given):
    return convolution_traced(self, *given) + 1e-6


def no_way(self, *given):
    raise RuntimeError("cannot be traced")


convolution_traced = Convolution.traced


@pytest.mark.parametrize("owner, name, value", [
    (Convolution, "traced", other_values), (Convolution, "traced", no_way), (fused, "MOST_VALUES", 100),
    (fused, "MOST_TIMES", 0)])
@pytest.mark.parametrize("net", ["fused"], indirect=True)
def test_layers_stay_apart_where_one_step_is_no_good(net, monkeypatch, owner, name, value):
    monkeypatch.setattr(owner, name, value)
    net.params["a"][0].data[...] *= 2
    for _ in range(FUSED):
        net.forward()
    assert steps(net) == [6]
    assert_right(net)


@pytest.mark.parametrize("net", ["winograd"], indirect=True)
def test_winograds_filtering_stays_apart(net, monkeypatch):
    monkeypatch.setattr(fused, "AFTER", 2)
    for _ in range(2):
        assert_right(net)
        assert steps(net) == [2]


CHAINS = st.lists(st.sampled_from([
    'type: "Convolution" convolution_param { num_output: 8 kernel_size: 3 pad: 1 %s }' % FILLED,
    'type: "Convolution" convolution_param { num_output: 4 kernel_size: 2 bias_term: false %s }' % FILLED,
    'type: "Convolution" convolution_param { num_output: 4 kernel_size: 1 stride: 2 group: 2 %s }' % FILLED,
    'type: "Convolution" convolution_param { num_output: 6 kernel_size: 3 pad: 2 dilation: 2 %s }' % FILLED,
    'type: "PReLU"', 'type: "PReLU" prelu_param { channel_shared: true }', 'type: "ReLU"',
    'type: "ReLU" relu_param { negative_slope: 0.1 }', 'type: "Power" power_param { scale: 2 }',
    'type: "Pooling" pooling_param { kernel_size: 2 stride: 2 }',
    'type: "Pooling" pooling_param { kernel_size: 3 stride: 2 pad: 1 pool: AVE }', 'type: "Eltwise"', 'type: "Concat"',
    'type: "InnerProduct" inner_product_param { num_output: 4 axis: 3 %s }' % FILLED, 'type: "Sigmoid"']), min_size=1)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chain=CHAINS, in_place=st.lists(st.booleans(), min_size=30), batch=st.integers(1, 3), seed=st.integers(0, 9))
def test_one_step_gives_the_bits_of_its_layers(chain, in_place, batch, seed, tmp_path, monkeypatch):
    """Of other values than those it was compiled with, too."""
    monkeypatch.setattr(fused, "AFTER", 2)
    monkeypatch.setattr(fused, "MOST_TIMES", 10 ** 6)
    text = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: [%d, 4, 12, 11] } } }\n' % batch
    last = "x"
    for i, kind in enumerate(chain[:12]):
        top = last if in_place[i] and "ReLU" in kind and last != "x" else "y%d" % i
        bottoms = [last] * (2 if "Eltwise" in kind or "Concat" in kind else 1)
        text += 'layer { name: "l%d" %s top: "%s" %s }\n' % (
            i, " ".join('bottom: "%s"' % name for name in bottoms), top, kind)
        last = top
    (tmp_path / "net").write_text(text)
    caffe.set_random_seed(seed)
    try:
        net, other = (caffe.Net(str(tmp_path / "net"), caffe.TEST) for _ in range(2))
    except CaffeError:
        reject()
    other.share_with(net)
    other.after_forward(lambda index: None)
    random = np.random.RandomState(seed)
    for _ in range(FUSED + 2):
        values = random.randn(*net.blobs["x"].shape)
        net.blobs["x"].data[...] = other.blobs["x"].data[...] = values
        net.forward()
        other.forward()
        for name, blob in other.blobs.items():
            np.testing.assert_array_equal(net.blobs[name].data, blob.data, name)


def test_the_first_pass_gives_the_bits_of_the_others(net, tmp_path):
    again = caffe.Net(str(tmp_path / "net"), caffe.TEST)
    again.share_with(net)
    again.blobs["x"].data[...] = IMAGES[:2]
    seen = []
    for _ in range(3):
        again.forward()
        seen.append(again.blobs["sum"].data.copy())
    again.after_forward(lambda index: None)
    again.forward()
    for values in [*seen, again.blobs["sum"].data]:
        np.testing.assert_array_equal(values, net.blobs["sum"].data)


@pytest.mark.parametrize("param", ["group: 2", "dilation: 2"])
def test_groups_and_dilation_are_left_to_the_layout_that_is_safe(tmp_path, monkeypatch, param):
    (tmp_path / "net").write_text("""
        layer { name: "x" type: "Input" top: "x" input_param { shape { dim: [2, 3, 9, 8] } } }
        layer { name: "a" type: "Convolution" bottom: "x" top: "a" convolution_param { num_output: 4 kernel_size: 3
          weight_filler { type: "xavier" } } }
        layer { name: "b" type: "Convolution" bottom: "a" top: "b" convolution_param { num_output: 4 kernel_size: 3 %s
          weight_filler { type: "xavier" } } }""" % param)
    net, given = caffe.Net(str(tmp_path / "net"), caffe.TEST), []

    def convolution(x, *args, **kwargs):
        given.append(x)
        return conv2d(x, *args, **kwargs)
    conv2d = torch.nn.functional.conv2d
    monkeypatch.setattr(Convolution, "functions", [convolution] * 3)
    for _ in range(3):
        net.blobs["x"].data[...] = IMAGES[:2]
        net.forward()
    assert len(given) == 3 and all(x.is_contiguous() for x in given)


def test_blobs_that_nobody_has_set_are_what_they_are_at_first(tmp_path):
    """BatchNorm's, which have no filler."""
    (tmp_path / "net").write_text("""
        layer { name: "x" type: "Input" top: "x" input_param { shape { dim: [2, 3] } } }
        layer { name: "norm" type: "BatchNorm" bottom: "x" top: "y" batch_norm_param { eps: 0.25 } }""")
    net = caffe.Net(str(tmp_path / "net"), caffe.TEST)
    for _ in range(3):
        net.blobs["x"].data[...] = RANDOM.randn(2, 3)
        np.testing.assert_allclose(net.forward()["y"], 2 * net.blobs["x"].data, rtol=1e-6)


def test_images_of_another_size(net):
    for height, width in (5, 8), (9, 8), (12, 4):
        assert_right(net, RANDOM.randn(2, 3, height, width).astype(np.float32))


def test_arrays_that_scripts_hold_are_of_the_last_pass(net):
    held = {name: net.blobs[name].data for name in ("a", "sum", "pool")}
    for scale in 2, 3:
        net.blobs["x"].data[...] = scale * IMAGES[:2]
        net.forward()
        for name, values in by_scipy(net, scale * IMAGES[:2]).items():
            np.testing.assert_allclose(held[name], values, rtol=0, atol=1e-5 * abs(values).max())


def test_arrays_that_scripts_have_let_go_of_cost_nothing(net):
    """They hold what is copied to them at each pass, with the channels apart."""
    for blob in net.blobs.values():
        assert blob.data.flags.c_contiguous
    for _ in range(2):
        assert_right(net)
    for name in "b", "c":  # the others, assert_right looks at
        assert net.blobs[name].tensor.is_contiguous(memory_format=torch.channels_last)
        assert net.blobs[name].data.flags.c_contiguous


def test_values_make_room_before_they_are_made_anew(net, monkeypatch):
    for _ in range(2):  # after which nobody is known to have looked at anything
        net.forward()
    before = {name: weakref.ref(net.blobs[name].tensor) for name in ("a", "b", "c", "sum", "pool")}
    held, seen = net.blobs["pool"].data, []
    monkeypatch.setattr(inference, "rest", lambda: seen.append([name for name in before if before[name]() is not None]))
    net.forward()
    assert seen[0] == ["pool"]
    assert_right(net)
    np.testing.assert_array_equal(held, net.blobs["pool"].data)


def test_values_that_a_layer_in_place_reads_first_stay(tmp_path):
    (tmp_path / "net").write_text("""
        layer { name: "x" type: "Input" top: "x" input_param { shape { dim: [2, 3] } } }
        layer { name: "double" type: "Power" bottom: "x" top: "x" power_param { scale: 2 } }
        layer { name: "y" type: "Power" bottom: "x" top: "y" power_param { shift: 1 } }
        layer { name: "again" type: "Power" bottom: "y" top: "y" power_param { scale: 2 } }""")
    net = caffe.Net(str(tmp_path / "net"), caffe.TEST)
    net.blobs["x"].data[...] = 1
    for doubled in 2, 4, 8, 16:
        net.forward()
        np.testing.assert_array_equal(net.blobs["x"].data, np.full((2, 3), doubled))
        np.testing.assert_array_equal(net.blobs["y"].data, np.full((2, 3), 2 * (doubled + 1)))


def test_a_part_and_callbacks(net):
    indices = []
    net.blobs["a"].data[...] = 1
    net.forward(start="b")
    expected = convolved(np.ones((2, 5, 9, 8)), *[blob.data for blob in net.params["b"]], 2)
    np.testing.assert_allclose(net.blobs["b"].data, expected, rtol=0, atol=1e-5)
    net.before_forward(indices.append)
    net.forward()
    assert indices == list(range(len(net.layers)))


def test_an_error_names_its_layer(tmp_path):
    (tmp_path / "net").write_text("""
        layer { name: "x" type: "Input" top: "x" top: "i" input_param { shape { dim: [2, 3] } shape { dim: 2 } } }
        layer { name: "double" type: "Power" bottom: "x" top: "y" power_param { scale: 2 } }
        layer { name: "pick" type: "BatchReindex" bottom: "y" bottom: "i" top: "z" }""")
    net = caffe.Net(str(tmp_path / "net"), caffe.TEST)
    net.blobs["x"].data[...] = [[1, 2, 3], [4, 5, 6]]
    for index in 1, 0, 1:
        net.blobs["i"].data[...] = index
        net.forward()
        np.testing.assert_array_equal(net.blobs["z"].data, 2 * net.blobs["x"].data[[index, index]])
    net.blobs["i"].data[...] = 5
    with pytest.raises(CaffeError, match=r"layer pick .*index 5"):
        net.forward()
    net.blobs["i"].data[...] = 0
    net.forward()
    np.testing.assert_array_equal(net.blobs["z"].data, [[2, 4, 6], [2, 4, 6]])
