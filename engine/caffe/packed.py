"""Convolutions of images on a CPU, where no backward follows: in the layout, and of weights in blocks, that suit it.

Images lie with their channels side by side, for which oneDNN has its quickest convolutions and PyTorch its quickest
pooling; layers in between leave them as they lie. The blocks are made once of the weights, and again when those may
have been written to (Memory.stamp): with one image, a quarter of the time went into making them at each pass.

Where that is quicker, it is by Winograd's filtering that several images are convolved. Its factors of the weights are
2.7 times as large as these, and to read them takes longer than it saves of a few images.
"""
import functools
import platform

import torch

from caffe import winograd

FEW = 3  # images


@functools.cache
def usable():
    """Whether PyTorch has what this needs, and it is known to be safe here: oneDNN on x86."""
    return (platform.machine() in ("x86_64", "AMD64") and torch.backends.mkldnn.is_available()
            and hasattr(torch.ops.mkldnn, "_convolution_pointwise"))


def convolve(x, weight, bias, stride, pad):
    """F.conv2d of x (N, C, H, W), of neither groups nor dilation, with the channels side by side."""
    return _function(weight, x.shape, stride, pad)(x, weight, bias)


def prepared(weights, shape, sizes, stride, pad):
    """A function (x, weight, bias) that does the same as long as the weights are as they are. None: they may change.

    weights: a Memory, in which they are of this shape (outputs, C, *kernel); sizes: x's shape.
    """
    stamp = weights.stamp()
    if stamp is None:
        return None
    use = stamp, shape, sizes[1:], sizes[0] > FEW, stride, pad
    if weights.convolve is None or weights.convolve[0] != use:
        weights.convolve = use, _function(weights.tensor(shape).detach(), sizes, stride, pad)
    return weights.convolve[1]


def filters(function):
    """Whether what prepared() has returned is Winograd's filtering."""
    return isinstance(function, functools.partial) and function.func is _by_winograd


def _function(weight, sizes, stride, pad):
    """The same for any number of images up to FEW, and for any above: how many shall not matter to the bits of one."""
    with torch.no_grad():
        if sizes[0] > FEW and winograd.suits_each(sizes[1:], weight.shape, stride, pad):
            return functools.partial(_by_winograd, winograd.factors(weight, sizes[1:], pad), pad)
        return functools.partial(
            _direct, torch.ops.mkldnn._reorder_convolution_weight(weight, pad, stride, [1, 1], 1, [1, *sizes[1:]]),
            stride, pad)


def _by_winograd(factors, pad, x, weight, bias=None):
    x = x.contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1)
    return winograd.convolve(x, weight, bias, pad, factors).permute(0, 3, 1, 2)


def _direct(blocks, stride, pad, x, weight, bias=None):
    return torch.ops.mkldnn._convolution_pointwise(x.contiguous(memory_format=torch.channels_last), blocks, bias, pad,
                                                   stride, [1, 1], 1, "none", [], "")
