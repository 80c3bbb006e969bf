"""What trains on a CPU with channels side by side: against the same in float64, by PyTorch's own gradients."""
import numpy as np
import pytest
import torch

from caffe import channels_last, winograd
from caffe.layer_types import convolution
from one_layer import gradient, make_net

RANDOM = np.random.RandomState(0)


def assert_near(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-6 * max(1e-9, float(abs(wanted).max())))


def reference(function, *given):
    """What the function makes of the arrays in float64, and a function: of that's gradient theirs."""
    given = [torch.tensor(array, dtype=torch.float64, requires_grad=True) for array in given]
    made = function(*given)
    return made.detach().numpy(), lambda diff: torch.autograd.grad(made, given, torch.tensor(diff, dtype=torch.float64))


@pytest.mark.parametrize("said, channels, is_winograd", [
    ("num_output: 128 kernel_size: 3 pad: 1", 64, True), ("num_output: 5 kernel_size: 3 stride: 2", 3, False),
    ("num_output: 4 kernel_size: 2 pad: 1 bias_term: false", 1, False)])
@pytest.mark.parametrize("tiny", [False, True])
def test_convolution(said, channels, is_winograd, tiny, monkeypatch):
    """Also where a script has written to the bottom after the forward, whose values then count in the backward."""
    monkeypatch.setattr(convolution, "LITTLE", 2 ** 40 if tiny else 0)
    monkeypatch.setattr(convolution, "TINY", 2 ** 40)
    suited = []
    suits = winograd.suits
    monkeypatch.setattr(winograd, "suits", lambda *given: suited.append(suits(*given)) or suited[-1])
    net = make_net('type: "Convolution" convolution_param { %s weight_filler { type: "gaussian" std: 0.1 } '
                   'bias_filler { type: "gaussian" std: 1 } }' % said, [(16, channels, 6, 5)])
    layer, x = net.nodes[-1].layer, net.blobs["x0"]
    weights = [blob.data for blob in layer.blobs]

    def by_torch():
        return reference(lambda x, *weights: torch.conv2d(
            x, *weights, stride=layer.windows.stride, padding=layer.windows.pad), x.data, *weights)
    for _ in range(2):
        x.data[...] = RANDOM.randn(*x.shape)
        net.run_forward()
        assert_near(net.blobs["y0"].data, by_torch()[0])
        x.data[...] = RANDOM.randn(*x.shape)
        net.clear_param_diffs()
        diff = RANDOM.randn(*net.blobs["y0"].shape)
        for found, wanted in zip([gradient(net, diff), *(blob.diff for blob in layer.blobs)], by_torch()[1](diff)):
            assert_near(found, wanted)
    assert suited == ([] if tiny else [is_winograd] * 2)


@pytest.mark.parametrize("shape", [(7, 3, 4, 5), (4, 3, 2)])
@pytest.mark.parametrize("shared", ["true", "false"])
def test_prelu(shape, shared, monkeypatch):
    monkeypatch.setattr(channels_last, "_CACHED", 120)  # two images at a time
    monkeypatch.setattr(channels_last, "FEW", 0)
    net = make_net('type: "PReLU" prelu_param { channel_shared: %s }' % shared, [shape])
    slope, x = net.nodes[-1].layer.blobs[0], net.blobs["x0"]
    x.data[...] = RANDOM.randn(*shape)
    x.data[0] = 0
    slope.data[...] = RANDOM.randn(*slope.shape)
    net.run_forward()
    factors = np.where(x.data > 0, 1, slope.data.reshape(-1, *[1] * (len(shape) - 2)))
    assert_near(net.blobs["y0"].data, x.data * factors)
    diff = RANDOM.randn(*shape).astype(np.float32)
    assert_near(gradient(net, diff), diff * factors)
    below = np.where(x.data > 0, 0, x.data * diff)
    assert_near(slope.diff, below.sum() if shared == "true" else below.sum((0, *range(2, len(shape)))))


@pytest.mark.parametrize("shape", [(7, 3, 4, 5), (4, 3, 2)])
@pytest.mark.parametrize("shared", ["true", "false"])
@pytest.mark.parametrize("lowest", [.1, channels_last.LEAST_SLOPE / 2, -.2])
def test_prelu_in_place_keeps_of_much_what_it_has_made_where_that_is_enough(shape, shared, lowest, monkeypatch):
    """A script may write over it."""
    monkeypatch.setattr(channels_last, "_CACHED", 120)
    monkeypatch.setattr(channels_last, "FEW", 0)
    monkeypatch.setattr(channels_last, "MUCH", np.prod(shape))
    net = make_net('type: "PReLU" prelu_param { channel_shared: %s }' % shared, [shape], in_place=True)
    layer, blob = net.nodes[-1].layer, net.blobs["x0"]
    x, slope = RANDOM.randn(*shape).astype(np.float32), layer.blobs[0]
    x[0] = 0
    slope.data[...] = np.float32(lowest) + RANDOM.rand(*slope.shape) * (lowest == .1)
    factors = np.where(x > 0, 1, slope.data.reshape(-1, *[1] * (len(shape) - 2)))
    blob.data[...] = x
    net.run_forward()
    np.testing.assert_array_equal(net.nodes[-1].tape.inputs[0].detach(), x * factors if lowest == .1 else x)
    assert_near(blob.data, x * factors)
    blob.data[...] = 7
    diff = RANDOM.randn(*shape).astype(np.float32)
    assert_near(gradient(net, diff, "x0"), diff * factors)
    below = np.where(x > 0, 0, x * diff)
    assert_near(slope.diff, below.sum() if shared == "true" else below.sum((0, *range(2, len(shape)))))
