"""Convolutions and PReLU on a CPU, where a backward follows: of images with their channels side by side.

So oneDNN's first layers and PyTorch's pooling are several times as quick; layers in between leave images as they lie.
What a backward needs is kept as it was given, for scripts may write to it in between.
"""
import torch

from caffe import winograd

FEW = 2 ** 14  # values: of fewer, PyTorch's own PReLU is quicker
MUCH = 2 ** 22  # values, 16 MiB: of as many, PReLU in place keeps what it has made, which the next layer keeps as well,
LEAST_SLOPE = 2. ** -20  # and not what it was given, if all slopes are this and more: it can tell one by the other
_CACHED = 2 ** 16  # values of the images that are computed at a time


class Convolve(torch.autograd.Function):
    """F.conv2d of x (N, C, H, W) and weights (K, C, h, w), of neither groups nor dilation."""

    @staticmethod
    def forward(ctx, x, weight, bias, stride, pad):
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.pad = stride, pad
        ctx.winograd = x.dtype == torch.float32 and winograd.suits(x.shape, weight.shape, stride, pad)
        x = _laid_out(x)
        if ctx.winograd:
            return winograd.convolve(x.permute(0, 2, 3, 1), weight, bias, pad).permute(0, 3, 1, 2)
        return torch.conv2d(x, weight, bias, stride, pad)

    @staticmethod
    def backward(ctx, grad):
        x, weight = ctx.saved_tensors
        x, grad, wanted = _laid_out(x), _laid_out(grad), ctx.needs_input_grad[:3]
        if ctx.winograd:
            x_grad, weight_grad = winograd.gradients(x.permute(0, 2, 3, 1), weight, grad.permute(0, 2, 3, 1), ctx.pad,
                                                     wanted[:2])
            x_grad = x_grad.permute(0, 3, 1, 2) if wanted[0] else None
            return x_grad, weight_grad, grad.sum((0, 2, 3)) if wanted[2] else None, None, None
        return (*torch.ops.aten.convolution_backward(grad, x, weight, [len(weight)], ctx.stride, ctx.pad, [1, 1], False,
                                                     [0, 0], 1, wanted), None, None)


class PReLU(torch.autograd.Function):
    """x (N, C, ...) where positive, else its channel's slope (C) times x."""

    @staticmethod
    def forward(ctx, x, slope):
        ctx.save_for_backward(x, slope)
        return torch.prelu(x, slope)

    @staticmethod
    def backward(ctx, grad):
        return _prelu_gradients(*ctx.saved_tensors, grad)


class PReLUMade(torch.autograd.Function):
    """`made`, which PReLU has made of x, with x's gradient given as that of `made`. All slopes are positive."""

    @staticmethod
    def forward(ctx, made, slope):
        ctx.save_for_backward(made, slope)
        return made.view_as(made)

    @staticmethod
    def backward(ctx, grad):
        made, slope = ctx.saved_tensors
        x_grad, slope_grad = _prelu_gradients(made, slope, grad)
        return x_grad, slope_grad / slope  # for made is slope times x where that counts


def _prelu_gradients(x, slope, grad):
    """Some images at a time, and without `where` and PyTorch's own, which take a value at a time."""
    step = max(1, _CACHED * len(x) // max(1, x.numel()))
    slopes = slope.reshape(-1, *[1] * (x.dim() - 2))
    x_grad, slope_grad = torch.empty_like(x), torch.zeros_like(slopes)
    for part, above, made in zip(x.split(step), grad.split(step), x_grad.split(step)):
        positive = torch.ops.aten.threshold_backward(above, part, 0)
        negative = above - positive
        torch.addcmul(positive, negative, slopes, out=made)
        slope_grad += negative.mul_(part).sum_to_size(slopes.shape)
    return x_grad, slope_grad.view_as(slope)


def _laid_out(x):
    return x.contiguous(memory_format=torch.channels_last)
