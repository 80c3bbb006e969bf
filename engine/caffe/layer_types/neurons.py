"""Layers that work on every value alike: activations, powers, logarithms, dropout (BVLC *_layer.cpp of those names).

In place, too, the gradients are the derivatives: BVLC's BNLL, Clip, Log and Power go wrong there, as they look for
the bottom's values, which the top's have replaced.
"""
import math

import torch
import torch.nn.functional as F

from caffe import channels_last
from caffe.layer import Layer, layer
from caffe.proto.caffe_pb2 import TEST, FillerParameter


@layer("ReLU")
class ReLU(Layer):
    """x where positive, else negative_slope x."""

    follows_blobs = traces = True

    def compute(self, x):
        slope = self.param.relu_param.negative_slope
        return F.leaky_relu(x, slope) if slope else F.relu(x)


@layer("PReLU")
class PReLU(Layer):
    """Slopes of its own for negative values: one a channel, or one for all."""

    follows_blobs = traces = True

    def setup(self, bottom, top):
        p = self.param.prelu_param
        self.check(len(bottom[0].shape) >= 2, "needs 2 axes or more")
        self.add_blob(() if p.channel_shared else (bottom[0].shape[1],),
                      p.filler if p.HasField("filler") else FillerParameter(type="constant", value=0.25))

    def top_shapes(self, shape):
        slopes = self.blobs[0].shape
        self.check(not slopes or shape[1:2] == slopes, "slopes of shape %s for a blob of shape %s, one a channel"
                   % (slopes, tuple(shape)))
        return [shape]

    def prepared(self, shape):
        return torch.prelu if self.blobs[0].shape and not self.context.autocast else super().prepared(shape)

    def compute(self, x, slope):
        if x.dim() == 4 and slope.dim() and self.context.kernels:
            return self.context.kernels.PReLU.apply(x, slope)
        slope = slope.reshape(-1).to(x.dtype)
        if (x.device.type == "cpu" and x.dim() > 2 and x.numel() >= channels_last.FEW
                and torch.is_grad_enabled()):
            return channels_last.PReLU.apply(x, slope)
        return F.prelu(x, slope)

    def record(self, bottom, top, needs):
        """Of much in place, what it has made is kept, if it tells what it was made of."""
        x, slope = bottom[0].tensor, self.blobs[0].tensor.data
        if (needs is None or bottom[0] is not top[0] or x.device.type != "cpu" or x.numel() < channels_last.MUCH
                or slope.min() < channels_last.LEAST_SLOPE):
            return super().record(bottom, top, needs)
        with torch.no_grad():
            made = self.compute(x, slope)
        return self.taped(lambda made, slope: (channels_last.PReLUMade.apply(made, slope.reshape(-1).to(x.dtype)),),
                          [made], [slope], needs)

    def traced(self, x, slope):
        """Without what torch.prelu does before, which takes as long again for a small x."""
        return torch._prelu_kernel(x, slope.reshape(-1, *[1] * (x.dim() - 2)))


@layer("ELU")
class ELU(Layer):
    """x where positive, else alpha (e^x - 1)."""

    def compute(self, x):
        return F.elu(x, self.param.elu_param.alpha)


@layer("Sigmoid")
class Sigmoid(Layer):
    def compute(self, x):
        return torch.sigmoid(x)


@layer("Swish")
class Swish(Layer):
    """x sigmoid(beta x)."""

    def compute(self, x):
        return x * torch.sigmoid(self.param.swish_param.beta * x)


@layer("TanH")
class TanH(Layer):
    def compute(self, x):
        return torch.tanh(x)


@layer("AbsVal")
class AbsVal(Layer):
    """|x|, with gradient 0 at 0."""

    follows_blobs = True

    def setup(self, bottom, top):
        self.check(top[0] is not bottom[0], "does not work in place; give its top a name of its own")

    def compute(self, x):
        return x.abs()


@layer("BNLL")
class BNLL(Layer):
    """log(1 + e^x)."""

    follows_blobs = True

    def compute(self, x):
        return F.softplus(x.float())


@layer("Clip")
class Clip(Layer):
    """x, but not below min nor above max, where no gradient passes."""

    def setup(self, bottom, top):
        p = self.param.clip_param
        self.check(p.HasField("min") and p.HasField("max") and p.min <= p.max,
                   "give clip_param { min: ... max: ... }, min the smaller one")

    def compute(self, x):
        p = self.param.clip_param
        return x.clamp(p.min, p.max)


@layer("Threshold")
class Threshold(Layer):
    """1 where x is above the threshold, else 0. Has no gradient."""

    label_bottoms = (0,)

    def compute(self, x):
        return (x > self.param.threshold_param.threshold).to(x.dtype)


@layer("Power")
class Power(Layer):
    """(shift + scale x) ^ power. At 0, where BVLC's gradient is not a number, it is the derivative."""

    def compute(self, x):
        p = self.param.power_param
        if p.power * p.scale == 0:  # a constant, 0^0 being 1, whatever x is
            return torch.full_like(x, p.shift if p.power else 1) ** (p.power or 1)
        y = x * p.scale if p.scale != 1 else x
        y = y + p.shift if p.shift else y
        return y.float() ** p.power if p.power != 1 else y


def log_of_base(layer, base):
    """The natural logarithm of a base, which is e when given as -1."""
    layer.check(base == -1 or 0 < base < math.inf, "base must be positive, or -1 for e, not %g" % base)
    return 1. if base == -1 else math.log(base)


@layer("Exp")
class Exp(Layer):
    """base ^ (shift + scale x)."""

    def setup(self, bottom, top):
        self.log_base = log_of_base(self, self.param.exp_param.base)

    def compute(self, x):
        p = self.param.exp_param
        return torch.exp(x.float() * (self.log_base * p.scale) + self.log_base * p.shift)


@layer("Log")
class Log(Layer):
    """The logarithm to a base of shift + scale x."""

    def setup(self, bottom, top):
        self.log_base = log_of_base(self, self.param.log_param.base)
        self.check(self.log_base != 0, "base must not be 1")

    def compute(self, x):
        p = self.param.log_param
        return torch.log(x.float() * p.scale + p.shift) / self.log_base


@layer("Dropout")
class Dropout(Layer):
    """Zeroes a share of the values in training and scales the others up; a function of seed and pass."""

    def setup(self, bottom, top):
        self.ratio = self.param.dropout_param.dropout_ratio
        self.check(0 <= self.ratio < 1, "dropout_ratio must be at least 0 and less than 1, not %g" % self.ratio)

    def compute(self, x):
        if self.param.phase == TEST:
            return x
        keep = self.context.uniform(self, x.shape, "dropout") >= self.ratio
        return x * keep * (1 / (1 - self.ratio))
