"""Neuron layers: what is refused, dropout, and gradients where BVLC's are not the derivative."""
import re

import numpy as np
import pytest
import torch

import caffe
from caffe.errors import CaffeError
from caffe.layer_types import neurons
from one_layer import gradient, make_net

X = np.array([[-2, -1, -0.5, 0.25, 1, 3]], np.float32)


@pytest.mark.parametrize("layer, bottom, said", [
    ('type: "PReLU"', (3,), "needs 2 axes or more"),
    ('type: "PReLU" prelu_param { filler { type: "bilinear" } }', (2, 3), "bilinear"),
    ('type: "Clip"', (3,), "give clip_param"),
    ('type: "Clip" clip_param { min: 2 max: 1 }', (3,), "min the smaller one"),
    ('type: "Exp" exp_param { base: 0 }', (3,), "base must be positive"),
    ('type: "Exp" exp_param { base: inf }', (3,), "base must be positive"),
    ('type: "Log" log_param { base: -2 }', (3,), "base must be positive"),
    ('type: "Log" log_param { base: nan }', (3,), "base must be positive"),
    ('type: "Log" log_param { base: 1 }', (3,), "base must not be 1"),
    ('type: "Dropout" dropout_param { dropout_ratio: 1 }', (3,), "less than 1, not 1"),
    ('type: "Dropout" dropout_param { dropout_ratio: -0.1 }', (3,), "at least 0"),
    ('type: "ReLU" bottom: "x0"', (3,), "takes 1 bottom blob, here are 2"),
])
def test_refused_while_the_net_is_built(layer, bottom, said):
    with pytest.raises(CaffeError, match=r"layer layer \(.*" + re.escape(said)):
        make_net(layer, [bottom])


def test_absval_in_place_is_refused():
    with pytest.raises(CaffeError, match="AbsVal.*in place"):
        make_net('type: "AbsVal"', in_place=True)


@pytest.mark.parametrize("count, threads", [(4, 1), (2 ** 17, 2)])
def test_one_thread_computes_a_little_layer(count, threads, monkeypatch):
    found = []

    class Noted(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            found.append(torch.get_num_threads())
            return x.clone()

        @staticmethod
        def backward(ctx, grad):
            found.append(torch.get_num_threads())
            return grad
    monkeypatch.setattr(neurons.ReLU, "compute", lambda self, x: Noted.apply(x))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        net = make_net('type: "ReLU"', [(1, count)])
        net.run_forward()
        gradient(net, 1)
        assert found == [threads] * 2 and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_more_channels_than_slopes_are_refused():
    net = make_net('type: "PReLU"', [(2, 3)])
    net.blobs["x0"].reshape(2, 4)
    with pytest.raises(CaffeError, match=re.escape("slopes of shape (3,) for a blob of shape (2, 4)")):
        net.run_forward()


def test_threshold_has_no_gradient():
    learnt = 'layer { name: "learnt" type: "PReLU" bottom: "x0" top: "x0" } '
    net = make_net('type: "Threshold" loss_weight: 1', before=learnt)
    net.run_forward()
    with pytest.raises(CaffeError, match="cannot backpropagate to x0"):
        net.run_backward()


@pytest.mark.parametrize("layer, x, derivative", [
    ('type: "BNLL"', X, 1 / (1 + np.exp(-X))),
    ('type: "Clip" clip_param { min: -0.7 max: 2 }', X, (X > -0.7) & (X < 2)),
    ('type: "Log"', np.abs(X), 1 / np.abs(X)),
    ('type: "Power" power_param { power: 3 scale: 2 shift: 1 }', X, 6 * (2 * X + 1) ** 2),
    ('type: "Power" power_param { scale: 3 }', X, np.full_like(X, 3)),
    ('type: "ReLU" relu_param { negative_slope: -0.5 }', X, np.where(X > 0, 1, -0.5)),
], ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("seen", [False, True], ids=["", "seen"])
def test_gradients_in_place_are_the_derivatives(layer, x, derivative, seen):
    net = make_net(layer, [x.shape], in_place=True)
    net.blobs["x0"].data[...] = x
    if not seen:  # nobody holds the array, so that the layer may drop it
        net.blobs["x0"].tensor = torch.from_numpy(x.copy())
    net.run_forward()
    np.testing.assert_allclose(gradient(net, 1, "x0"), derivative, rtol=1e-5)


def test_power_at_zero_has_the_derivative():
    net = make_net('type: "Power" power_param { power: 3 }', [(2,)])
    net.blobs["x0"].data[...] = [0, 2]
    net.run_forward()
    np.testing.assert_allclose(gradient(net, 1), [0, 12])


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("in_place", [False, True], ids=["", "in place"])
def test_dropout(ratio, in_place):
    net = make_net('type: "Dropout" dropout_param { dropout_ratio: %g }' % ratio, [(100, 200)], in_place=in_place)
    top = "x0" if in_place else "y0"

    def step():
        net.blobs["x0"].data[...] = 2
        net.run_forward()
        y = net.blobs[top].data.copy()
        return y, gradient(net, 3, top).copy()

    y, dx = step()
    assert abs((y == 0).mean() - ratio) < 5 * (ratio * (1 - ratio) / y.size) ** 0.5
    kept = (y != 0).astype(np.float32)
    np.testing.assert_allclose(y, kept * 2 / (1 - ratio), rtol=1e-6)
    np.testing.assert_allclose(dx, kept * 3 / (1 - ratio), rtol=1e-6)
    assert abs(np.corrcoef(kept[:, :-1].ravel(), kept[:, 1:].ravel())[0, 1]) < 0.05  # neighbours
    second, _ = step()
    both = ((second == 0) & (y == 0)).mean()
    assert abs(both - ratio ** 2) < 0.02  # another pass, another mask
    net.reset_passes(0)
    np.testing.assert_array_equal(step()[0], y)  # a function of the seed and the pass


def test_two_dropouts_draw_apart():
    other = 'layer { name: "other" type: "Dropout" bottom: "x0" top: "other" } '
    net = make_net('type: "Dropout"', [(50, 50)], before=other)
    net.blobs["x0"].data[...] = 1
    net.run_forward()
    assert 0.4 < (net.blobs["other"].data == net.blobs["y0"].data).mean() < 0.6


@pytest.mark.parametrize("layer", [
    'type: "%s"' % name for name in
    "ReLU PReLU ELU Sigmoid Swish TanH AbsVal BNLL Threshold Power Exp Dropout Softmax".split()
] + ['type: "Clip" clip_param { min: 0 max: 1 }', 'type: "Log" log_param { shift: 3 }',
     'type: "Power" power_param { power: 2 }', 'type: "Power" power_param { power: 0 }'])
def test_bfloat16_is_near_float32(layer):
    net = make_net(layer, [X.shape], phase=caffe.TEST)
    found = []
    for dtype in torch.float32, torch.bfloat16:
        net.blobs["x0"].tensor = torch.from_numpy(X.copy()).to(dtype)  # exact in both
        net.run_forward()
        found.append(net.blobs["y0"].tensor.float().clone())
        if "Threshold" not in layer:
            net.blobs["y0"].grad = torch.ones_like(net.blobs["y0"].tensor)
            net.run_backward()
            found.append(net.blobs["x0"].grad.float().clone())
    for exact, near in zip(found[:len(found) // 2], found[len(found) // 2:]):
        torch.testing.assert_close(near, exact, rtol=0.02, atol=0.01)
