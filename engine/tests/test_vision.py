"""Convolution, pooling, cropping, normalising: what is refused, and what genuine Caffe's CPU code cannot be asked."""
import re

import numpy as np
import pytest
import torch

import caffe
from caffe.context import autocast
from caffe.errors import CaffeError
from one_layer import IMAGE, gradient, make_net


def convolution(parameters):
    return 'type: "Convolution" convolution_param { %s }' % parameters


def deconvolution(parameters):
    return 'type: "Deconvolution" convolution_param { %s }' % parameters


def pooling(parameters):
    return 'type: "Pooling" pooling_param { %s }' % parameters


def crop(parameters):
    return 'type: "Crop" crop_param { %s }' % parameters


def scale(parameters):
    return 'type: "Scale" scale_param { %s }' % parameters


@pytest.mark.parametrize("layer, bottoms, said", [
    (convolution("num_output: 2"), [IMAGE], "kernel must be positive"),
    (convolution("num_output: 2 kernel_h: 3"), [IMAGE], "kernel must be positive along every spatial axis, not [3, 0]"),
    (convolution("num_output: 2 kernel_size: 3 kernel_h: 3"), [IMAGE], "either kernel_size or kernel_h and kernel_w"),
    (convolution("num_output: 2 kernel_size: 3 pad: 1 pad_w: 1"), [IMAGE], "either pad or pad_h and pad_w"),
    (convolution("num_output: 2 kernel_h: 3 kernel_w: 3"), [(2, 4, 6)], "are for 2 spatial axes, here are 1"),
    (convolution("num_output: 2 kernel_size: [1, 2, 3]"), [IMAGE], "once for each of the 2 spatial axes, not 3 times"),
    (convolution("num_output: 2 kernel_size: 3 stride: 0"), [IMAGE], "stride must be positive"),
    (convolution("num_output: 2 kernel_size: 3 stride_h: 2"), [IMAGE], "stride must be positive"),
    (convolution("num_output: 2 kernel_size: 3 dilation: 0"), [IMAGE], "dilation must be positive"),
    (convolution("kernel_size: 3"), [IMAGE], "num_output must be positive"),
    (convolution("num_output: 2 kernel_size: 3 group: 0"), [IMAGE], "group must be positive"),
    (convolution("num_output: 3 kernel_size: 3 group: 3"), [IMAGE], "channels, 4, must be a multiple of group, 3"),
    (convolution("num_output: 3 kernel_size: 3 group: 2"), [IMAGE], "num_output, 3, must be a multiple of group, 2"),
    (convolution("num_output: 2 kernel_size: 6"), [IMAGE], "do not fit into a bottom of shape (2, 4, 6, 5)"),
    (convolution("num_output: 2 kernel_size: 3 axis: 4"), [IMAGE], "axis 4, but the blob has 4 axes"),
    (convolution("num_output: 2 kernel_size: 3"), [IMAGE, IMAGE], "2 bottoms and 1 tops"),
    (convolution("num_output: 2 kernel_size: 3 bias_filler { type: 'zero' }"), [IMAGE], "unknown filler 'zero'"),
    ('type: "Deconvolution" convolution_param { num_output: 2 kernel_size: 1 pad: 3 }', [IMAGE], "do not fit"),
    ('type: "Im2col" convolution_param { kernel_size: 2 }', [(2, 3)], "needs a spatial axis"),
    ('type: "Im2col" convolution_param { kernel_size: 7 }', [IMAGE], "do not fit"),
    (pooling(""), [IMAGE], "give a positive kernel_size, or kernel_h and kernel_w, or global_pooling: true"),
    (pooling("kernel_h: 2"), [IMAGE], "give either kernel_size, or both kernel_h and kernel_w"),
    (pooling("kernel_size: 2 kernel_h: 2 kernel_w: 2"), [IMAGE], "give either kernel_size, or both"),
    (pooling("kernel_size: 2 stride_w: 2"), [IMAGE], "give either stride, or both stride_h and stride_w"),
    (pooling("kernel_size: 2 pad: 1 pad_h: 1 pad_w: 1"), [IMAGE], "give either pad, or both pad_h and pad_w"),
    (pooling("kernel_size: 2 stride: 0"), [IMAGE], "stride must be positive"),
    (pooling("kernel_size: 2 pad: 2"), [IMAGE], "pad (2, 2) must be less than kernel (2, 2)"),
    (pooling("kernel_size: 2 pad: 1 pool: STOCHASTIC"), [IMAGE], "pad is for maximum and average"),
    (pooling("kernel_size: 7"), [IMAGE], "kernel (7, 7) does not fit"),
    (pooling("kernel_size: 2"), [(2, 4, 6)], "needs a bottom of 4 axes"),
    (pooling("global_pooling: true kernel_size: 2"), [IMAGE], "with global_pooling the kernel is the image"),
    (pooling("global_pooling: true stride: 2"), [IMAGE], "with global_pooling, stride must be 1 and pad 0"),
    (pooling("global_pooling: true pad_h: 1 pad_w: 0"), [IMAGE], "with global_pooling, stride must be 1 and pad 0"),
    ('type: "SPP" spp_param { }', [IMAGE], "give a positive pyramid_height"),
    ('type: "SPP" spp_param { pyramid_height: 4000000000 }', [IMAGE], "must be less than kernel"),
    ('type: "SPP" spp_param { pyramid_height: 2 pool: STOCHASTIC }', [IMAGE], "pad is for maximum and average"),
    (crop(""), [IMAGE], "takes 2 bottom blobs, here is 1"),
    (crop("axis: -5"), [IMAGE, IMAGE], "axis -5, but the blob has 4 axes"),
    (crop("axis: 1 offset: 1 offset: 0"), [IMAGE, IMAGE], "once for each of the 3 axes from axis on, not 2 times"),
    (crop("offset: 1 offset: 3"), [IMAGE, (1, 1, 5, 3)], "cannot cut 3 at offset 3 from the 5 of axis 3"),
    (crop(""), [IMAGE, (1, 1, 4)], "has fewer axes than the first"),
    ('type: "LRN" lrn_param { local_size: 4 }', [IMAGE], "local_size must be odd, not 4"),
    ('type: "LRN" lrn_param { local_size: 2 norm_region: WITHIN_CHANNEL }', [IMAGE], "local_size must be odd, not 2"),
    ('type: "LRN"', [(2, 4, 6)], "needs a bottom of 4 axes"),
    ('type: "MVN"', [(2, 3, 4, 5, 6)], "needs a bottom of 4 axes at most"),
    ('type: "BatchNorm"', [(4,)], "needs a bottom of 2 axes or more"),
    ('type: "BatchNorm" param { lr_mult: 0 } param { decay_mult: 0 }', [IMAGE], "give each param { lr_mult: 0 }"),
    (scale("axis: 4"), [IMAGE], "axis 4, but the blob has 4 axes"),
    (scale("num_axes: -2"), [IMAGE], "num_axes must be 0 or more, or -1"),
    (scale("axis: 2 num_axes: 3"), [IMAGE], "num_axes 3 from axis 2 on, but the bottom has only 4 axes"),
    (scale(""), [IMAGE, (5,)], "coefficients of shape (5,) do not fit a bottom of shape (2, 4, 6, 5) from axis 1 on"),
    (scale("axis: 4"), [IMAGE, (4,)], "axis 4, but the blob has 4 axes"),
    ('type: "Bias"', [IMAGE, IMAGE], "coefficients of shape (2, 4, 6, 5) do not fit"),
    ('type: "Bias"', [IMAGE, (4,), (4,)], "takes 1 to 2 bottom blobs, here are 3"),
])
def test_refused(layer, bottoms, said):
    with pytest.raises(CaffeError, match="layer layer .*" + re.escape(said)):
        make_net(layer, bottoms)


def test_more_outputs_than_onednn_has_gradients_for():
    net = make_net(convolution("num_output: 60000 kernel_size: 1 bias_term: false"), [(2, 3, 1, 1)])
    weight, x = net.nodes[-1].layer.blobs[0], net.blobs["x0"]
    random = np.random.RandomState(0)
    for values in weight.data, x.data:
        values[...] = random.normal(size=values.shape)
    net.run_forward()
    np.testing.assert_allclose(net.blobs["y0"].data[..., 0, 0], x.data[..., 0, 0] @ weight.data[..., 0, 0].T, atol=1e-4)
    diff = random.normal(size=(2, 60000)).astype(np.float32)
    np.testing.assert_allclose(gradient(net, diff[..., None, None])[..., 0, 0], diff @ weight.data[..., 0, 0], atol=.01)
    np.testing.assert_allclose(weight.diff[..., 0, 0], diff.T @ x.data[..., 0, 0], atol=1e-4)


@pytest.mark.parametrize("method", ["AVE", "STOCHASTIC"])
def test_only_maxima_have_places(method):
    with pytest.raises(CaffeError, match="takes 1 top blob, here are 2"):
        make_net(pooling("kernel_size: 2 pool: " + method), tops=2)


@pytest.mark.parametrize("layer, bottoms, shape, said", [
    (convolution("num_output: 2 kernel_size: 3"), [IMAGE], (2, 3, 6, 5), "was set up for 4 channels"),
    (convolution("num_output: 2 kernel_size: 3"), [IMAGE], (2, 4, 6), "was set up for 4 channels and 2 spatial axes"),
    (convolution("num_output: 2 kernel_size: 3"), [IMAGE], (2, 4, 6, 2), "do not fit"),
    (pooling("kernel_size: 3"), [IMAGE], (2, 4, 6, 2), "does not fit"),
    ('type: "BatchNorm"', [IMAGE], (2, 3, 6, 5), "was set up for 4 channels"),
    (scale(""), [IMAGE], (2, 3, 6, 5), "do not fit a bottom of shape (2, 3, 6, 5)"),
    (scale("bias_term: true"), [IMAGE, (4,)], (5,), "coefficients of shape (5,) do not fit"),
])
def test_refused_when_reshaped(layer, bottoms, shape, said):
    """The last bottom has another shape than when the net was built."""
    net = make_net(layer, bottoms)
    net.blobs["x%d" % (len(bottoms) - 1)].reshape(*shape)
    with pytest.raises(CaffeError, match="layer layer .*" + re.escape(said)):
        net.run_forward()


def test_stochastic_pooling_draws_in_proportion():
    net = make_net(pooling("pool: STOCHASTIC kernel_size: 2 stride: 2"), [(1, 1, 200, 199)])
    image = np.tile([[1., 2], [3, 4]], (100, 100))[:, :199]
    net.blobs["x0"].data[0, 0] = image
    net.run_forward()
    drawn = net.blobs["y0"].data[0, 0].copy()
    whole, cut = drawn[:, :-1], drawn[:, -1]  # the last column's windows have only 1 and 3
    shares = [(whole == value).mean() for value in (1, 2, 3, 4)]
    np.testing.assert_allclose(shares, [0.1, 0.2, 0.3, 0.4], atol=0.02)
    assert set(cut) == {1, 3} and 0.6 < (cut == 3).mean() < 0.9
    reached = gradient(net, 5)[0, 0]
    padded = np.pad(np.where(reached == 5, image, 0), ((0, 0), (0, 1)))
    np.testing.assert_array_equal(padded.reshape(100, 2, 100, 2).sum((1, 3)), drawn)
    assert set(np.unique(reached)) == {0, 5}
    net.run_forward()
    assert (net.blobs["y0"].data != drawn).any(), "each pass draws anew"


def test_stochastic_pooling_in_test_is_the_weighted_mean():
    net = make_net(pooling("pool: STOCHASTIC kernel_size: 2 stride: 2"), [(1, 1, 2, 5)], phase=caffe.TEST)
    net.blobs["x0"].data[0, 0] = [[1, 2, 0, 0, 6], [3, 4, 0, 0, 2]]
    net.run_forward()
    np.testing.assert_allclose(net.blobs["y0"].data[0, 0], [[30 / 10, 0, 40 / 8]])
    assert np.isfinite(gradient(net, 1)).all()


def test_windows_beyond_the_image_have_no_gradient():
    net = make_net(pooling("kernel_size: 1 stride: 2"), [(1, 1, 4, 3)], tops=2)
    net.run_forward()
    expected = np.zeros((4, 3))
    expected[::2, ::2] = 1
    np.testing.assert_array_equal(gradient(net, 1)[0, 0], expected)


@pytest.mark.parametrize("layer", ['type: "MVN"', 'type: "LRN" lrn_param { local_size: 3 }'])
def test_gradient_in_place(layer):
    """Genuine Caffe's is wrong here: it takes the tops for the bottoms."""
    random, gradients = np.random.RandomState(0), []
    values, diff = random.normal(size=(2,) + IMAGE)
    for in_place in False, True:
        net = make_net(layer, in_place=in_place,
                       before='layer { name: "hold" type: "Power" bottom: "x0" top: "x0" }')
        net.blobs["x0"].data[...] = values
        net.run_forward()
        gradients.append(gradient(net, diff, "x0" if in_place else "y0").copy())
    np.testing.assert_allclose(*gradients, rtol=1e-5, atol=1e-6)


def test_gradients_of_scale_add_up_for_a_batch_of_one():
    """Genuine Caffe's keeps the last one only, where there is one image."""
    net = make_net(scale(""), [(1, 4, 3, 2)])
    net.blobs["x0"].data[...] = 2
    for _ in range(2):
        net.run_forward()
        gradient(net, 1)
    np.testing.assert_array_equal(net.nodes[-1].layer.blobs[0].diff, [24] * 4)


def test_batch_norm_uses_in_test_what_it_has_seen_in_training():
    random, fraction = np.random.RandomState(0), 0.9
    train = make_net('type: "BatchNorm" batch_norm_param { moving_average_fraction: 0.9 }')
    sums, weight = np.zeros((2, 4)), 0
    for i in range(3):
        batch = random.normal(i, 1 + i, size=IMAGE).astype(np.float32)
        train.blobs["x0"].data[...] = batch
        train.run_forward()
        seen = batch.astype(float).mean((0, 2, 3)), batch.astype(float).var((0, 2, 3), ddof=1)
        sums, weight = sums * fraction + seen, weight * fraction + 1
    mean, variance = sums[:, :, None, None] / weight
    test = make_net('type: "BatchNorm"', phase=caffe.TEST)
    test.copy_weights(train.to_proto(), "training")
    test.blobs["x0"].data[...] = batch
    test.run_forward()
    np.testing.assert_allclose(test.blobs["y0"].data, (batch - mean) / np.sqrt(variance + 1e-5), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(test.nodes[-1].layer.blobs[2].data, np.float32(weight))


def test_batch_norm_of_one_value():
    net = make_net('type: "BatchNorm"', [(1, 3)])
    net.blobs["x0"].data[...] = 1, 2, 3
    net.run_forward()
    np.testing.assert_allclose(net.blobs["y0"].data, 0, atol=1e-3)
    assert [list(blob.data) for blob in net.nodes[-1].layer.blobs] == [[1, 2, 3], [0, 0, 0], [1]]
    np.testing.assert_allclose(gradient(net, [1, 2, 3]), 0, atol=1e-3)


def test_batch_norm_is_saved_as_not_to_be_learned():
    saved = make_net('type: "BatchNorm" param { lr_mult: 0 decay_mult: 2 }').to_proto().layer[-1]
    assert [(spec.HasField("lr_mult"), spec.lr_mult) for spec in saved.param] == [(True, 0)] * 3
    assert [spec.HasField("decay_mult") for spec in saved.param] == [True, False, False]


@pytest.mark.parametrize("layer, shape, dtype, bound", [
    (convolution("num_output: 6 kernel_size: 7 stride: 1 stride: 3 pad: 3"), (2, 20, 4, 2), torch.bfloat16, 0.02),
    (convolution("num_output: 32 kernel_size: 1 kernel_size: 7 stride: 3 stride: 2 pad: 0 pad: 5"), (2, 20, 8, 1),
     torch.bfloat16, 0.02),
    (deconvolution("num_output: 16 kernel_size: 3 stride: 3 pad: 2"), (1, 16, 2), torch.bfloat16, 0.02),
    (convolution("num_output: 17 kernel_size: 3 stride: 4"), (2, 33, 22, 6), torch.bfloat16, 0.02),
    (convolution("num_output: 3 kernel_size: 1 kernel_size: 3 kernel_size: 2 stride: 3 stride: 4 stride: 2"),
     (5, 32, 11, 11, 10), torch.bfloat16, 0.02),
    (deconvolution("num_output: 64 kernel_size: 2 kernel_size: 5 stride: 4 stride: 1 pad: 2 pad: 0"), (1, 17, 10, 9),
     torch.bfloat16, 0.02),
    (convolution("num_output: 2 kernel_size: 4 kernel_size: 2 kernel_size: 2 stride: 2 stride: 2 stride: 1 pad: 3 "
                 "pad: 1 pad: 1"), (2, 16, 4, 1, 4), None, 2e-6),
    (deconvolution("num_output: 32 kernel_size: 4 kernel_size: 4 kernel_size: 2 stride: 2 stride: 3 stride: 2 pad: 3 "
                   "pad: 1 pad: 0"), (2, 20, 4, 3, 2), None, 2e-6)])
def test_what_onednn_has_wrong(layer, shape, dtype, bound):
    """In bfloat16, with AMX also the tops, and else gradients of weights, which were whatever lay in memory: against
    float64.
    """
    random = np.random.RandomState(0)
    with autocast(dtype):
        net = make_net(layer.replace("}", 'weight_filler { type: "xavier" } }'), [shape])
    net.blobs["x0"].data[...] = random.normal(size=shape)
    net.run_forward()
    weight, w = net.nodes[-1].layer.blobs[0], net.nodes[-1].layer.windows
    diff = random.normal(size=net.blobs["y0"].shape)
    x_grad = gradient(net, diff)
    functions = ([torch.conv1d, torch.conv2d, torch.conv3d] if "Conv" in layer else
                 [torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d])
    x, weights = (torch.tensor(array, dtype=torch.float64, requires_grad=True)
                  for array in (net.blobs["x0"].data, weight.data))
    y = functions[len(shape) - 3](x, weights, None, w.stride, w.pad)
    all_wanted = y.detach(), *torch.autograd.grad(y, (x, weights), torch.tensor(diff))
    for found, wanted in zip((net.blobs["y0"].data, x_grad, weight.diff), all_wanted):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=bound * abs(wanted).max())


@pytest.mark.parametrize("layer", [
    pooling("kernel_size: 3 stride: 2"), pooling("kernel_size: 3 stride: 2 pad: 2"),
    pooling("kernel_size: 3 stride: 2 pool: AVE"), pooling("kernel_size: 3 stride: 2 pad: 2 pool: AVE"),
    'type: "SPP" spp_param { pyramid_height: 2 }',
    'type: "LRN"', 'type: "LRN" lrn_param { norm_region: WITHIN_CHANNEL }', 'type: "MVN"',
    'type: "BatchNorm"', scale("bias_term: true"), scale(""), 'type: "Bias"',
    'type: "Im2col" convolution_param { kernel_size: 2 }',
    'type: "Deconvolution" convolution_param { num_output: 2 kernel_size: 2 weight_filler { type: "xavier" } }',
])
def test_after_a_convolution_in_bfloat16(layer):
    """Every layer takes what a convolution makes under autocast, and stays near to what it makes of float32."""
    before = ('layer { name: "conv" type: "Convolution" bottom: "x0" top: "x0" convolution_param { num_output: 4 '
              'kernel_size: 1 weight_filler { type: "xavier" } } }')
    random, results = np.random.RandomState(0), []
    values = random.normal(size=IMAGE)
    for precision in None, torch.bfloat16:
        net = make_net(layer, before=before)
        net.context.autocast = precision
        net.blobs["x0"].data[...] = values
        net.run_forward()
        results.append((net.blobs["y0"].data.copy(), gradient(net, 1).copy()))
    for full, half in zip(*results):
        assert np.isfinite(half).all() and (full != half).any()
        assert np.abs(full - half).max() < 0.05 * np.abs(full).max() + 0.02
