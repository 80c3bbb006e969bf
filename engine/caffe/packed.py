"""Convolutions of images on a CPU, where no backward follows: in the layout, and of weights in blocks, that suit it.

Images lie with their channels side by side, for which oneDNN has its quickest convolutions and PyTorch its quickest
pooling; layers in between leave them as they lie. The blocks are made once of the weights, and again when those may
have been written to (Memory.stamp): with one image, a quarter of the time went into making them at each pass.
"""
import functools
import platform

import torch


@functools.cache
def usable():
    """Whether PyTorch has what this needs, and it is known to be safe here: oneDNN on x86."""
    return (platform.machine() in ("x86_64", "AMD64") and torch.backends.mkldnn.is_available()
            and hasattr(torch.ops.mkldnn, "_convolution_pointwise"))


def convolve(x, weight, bias, stride, pad):
    """F.conv2d of x (N, C, H, W), of neither groups nor dilation, with the channels side by side."""
    return _convolve(x, _blocks(weight, x.shape, stride, pad), bias, stride, pad)


def prepared(weights, shape, sizes, stride, pad):
    """A function (x, weight, bias) that does the same as long as the weights are as they are. None: they may change.

    weights: a Memory, in which they are of this shape (outputs, C, *kernel); sizes: x's shape.
    """
    stamp = weights.stamp()
    if stamp is None:
        return None
    use = stamp, shape, sizes[1:], stride, pad
    if weights.blocks is None or weights.blocks[0] != use:
        weights.blocks = use, _blocks(weights.tensor(shape).detach(), sizes, stride, pad)
    blocks = weights.blocks[1]
    return lambda x, weight, bias=None: _convolve(x, blocks, bias, stride, pad)


def _blocks(weight, sizes, stride, pad):
    """For whatever number of images: what is computed of one of them shall not depend on the others."""
    return torch.ops.mkldnn._reorder_convolution_weight(weight, pad, stride, [1, 1], 1, [1, *sizes[1:]])


def _convolve(x, blocks, bias, stride, pad):
    return torch.ops.mkldnn._convolution_pointwise(x.contiguous(memory_format=torch.channels_last), blocks, bias, pad,
                                                   stride, [1, 1], 1, "none", [], "")
