"""Convolutions of images on a CPU, where no backward follows: in the layout, and of weights in blocks, that suit it.

Images lie with their channels side by side, for which oneDNN has its quickest convolutions and PyTorch its quickest
pooling; layers in between leave them as they lie. The blocks are made once of the weights, and again when those may
have been written to (Memory.stamp). A quarter of a batch of one's time went into making them at each pass.
"""
import functools
import platform

import torch
import torch.nn.functional as F


@functools.cache
def usable():
    """Whether PyTorch has what this needs, and it is known to be safe here: oneDNN on x86."""
    return (platform.machine() in ("x86_64", "AMD64") and torch.backends.mkldnn.is_available()
            and hasattr(torch.ops.mkldnn, "_convolution_pointwise"))


def convolve(x, weights, shape, bias, stride, pad, keep):
    """What F.conv2d makes of x (N, C, H, W), of neither groups nor dilation, its channels side by side.

    weights: the Memory that holds them, (outputs, C, *kernel) in `shape`; keep: whether to keep their blocks.
    """
    x = x.contiguous(memory_format=torch.channels_last)
    stamp = weights.stamp() if keep else None
    if stamp is None:
        return F.conv2d(x, weights.tensor(shape).detach(), bias, stride=stride, padding=pad)
    use = stamp, shape, stride, pad, x.shape[1:]
    if weights.blocks is None or weights.blocks[0] != use:
        weights.blocks = use, torch.ops.mkldnn._reorder_convolution_weight(
            weights.tensor(shape).detach(), pad, stride, [1, 1], 1, x.shape)
    return torch.ops.mkldnn._convolution_pointwise(x, weights.blocks[1], bias, pad, stride, [1, 1], 1, "none", [], "")
