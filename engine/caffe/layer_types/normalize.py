"""Layers that normalise, scale and shift: LRN, MVN, BatchNorm, Scale, Bias. All but the last two compute in float32."""
import threading

import torch
import torch.nn.functional as F

from caffe.layer import Layer, layer
from caffe.proto.caffe_pb2 import TEST, FillerParameter, LRNParameter

_adding_up = threading.Lock()  # BatchNorm's sums, which nets that run at the same time may share


@layer("LRN")
class LRN(Layer):
    """x / (k + alpha s)^beta; s: the mean of the squares around a value, zeros beyond the border (BVLC lrn_layer.cpp).

    ACROSS_CHANNELS: of `local_size` channels. WITHIN_CHANNEL: of local_size by local_size places; there k is 1,
    whatever the prototxt says.
    """

    def setup(self, bottom, top):
        size = self.param.lrn_param.local_size
        self.check(size % 2 == 1, "local_size must be odd, not %d" % size)

    def top_shapes(self, shape):
        self.check(len(shape) == 4, "needs a bottom of 4 axes (num, channels, height, width), here are %d" % len(shape))
        return [shape]

    def compute(self, x):
        x, p = x.float(), self.param.lrn_param
        size = p.local_size
        if p.norm_region == LRNParameter.WITHIN_CHANNEL:
            k, mean = 1, F.avg_pool2d(x * x, size, 1, size // 2)
        else:
            squares = (x * x).flatten(2).unsqueeze(1)  # (N, 1, C, H * W): a window along the channels
            k, mean = p.k, F.avg_pool2d(squares, (size, 1), 1, (size // 2, 0)).reshape(x.shape)
        return x * (k + p.alpha * mean) ** -p.beta


@layer("MVN")
class MVN(Layer):
    """(x - mean) / (deviation + eps), of each image's channels, or of each image (BVLC mvn_layer.cpp)."""

    def top_shapes(self, shape):
        self.check(len(shape) <= 4, "needs a bottom of 4 axes at most (num, channels, height, width), here are %d"
                   % len(shape))
        return [(*shape, *[1] * (4 - len(shape)))]

    def compute(self, x):
        p, shape = self.param.mvn_param, (*x.shape, *[1] * (4 - x.dim()))
        rows = x.float().reshape(shape[0] if p.across_channels else shape[0] * shape[1], -1)
        y = rows - rows.mean(1, keepdim=True)
        if p.normalize_variance:
            variance = y.square().mean(1, keepdim=True)
            squared = (variance.detach().sqrt() + p.eps) ** 2
            # The value is sqrt(variance) + eps, the gradient, as in Caffe, that of a square root of the same value.
            y = y / (variance + (squared - variance).detach()).sqrt()
        return y.reshape(shape)


@layer("BatchNorm")
class BatchNorm(Layer):
    """(x - mean) / sqrt(variance + eps) of each channel: of the batch in training, else of the batches seen.

    Blobs: decaying sums of the batches' means (C) and unbiased variances (C), and of ones (1), to divide them by. They
    are not learned (BVLC batch_norm_layer.cpp).
    """

    def setup(self, bottom, top):
        self.check(len(bottom[0].shape) >= 2, "needs a bottom of 2 axes or more (num, channels, ...)")
        self.channels = bottom[0].shape[1]
        for shape in (self.channels,), (self.channels,), (1,):
            self.add_blob(shape)
        for i in range(3):
            if i == len(self.param.param):
                self.param.param.add(lr_mult=0)
            self.check(self.param.param[i].lr_mult == 0,
                       "its blobs are statistics, which cannot be learned; give each param { lr_mult: 0 }, or none")

    def top_shapes(self, shape):
        self.check(len(shape) >= 2 and shape[1] == self.channels, "was set up for %d channels, and cannot take a "
                   "bottom of shape %s" % (self.channels, tuple(shape)))
        return [shape]

    def compute(self, x, *statistics):
        x, p = x.float(), self.param.batch_norm_param
        means, variances, weight = (tensor.detach() for tensor in statistics)
        use_global_stats = p.use_global_stats if p.HasField("use_global_stats") else self.param.phase == TEST
        if use_global_stats:
            share = torch.where(weight == 0, 0, 1 / weight)
            return self._normalize(x, means * share, variances * share, False)
        mean, variance = torch.zeros_like(means), torch.zeros_like(variances)
        y = self._normalize(x, mean, variance, True)
        if x.numel() == self.channels:  # one value a channel: no unbiased variance
            variance = 0
        with _adding_up:
            for blob, new in (means, mean), (variances, variance), (weight, 1):
                blob.mul_(p.moving_average_fraction).add_(new)
        return y

    def _normalize(self, x, mean, variance, of_batch):
        """Normalise by the given mean and variance, or by the batch's; then its unbiased ones are put there."""
        return torch.batch_norm(x, None, None, mean, variance, of_batch, 1., self.param.batch_norm_param.eps,
                                torch.backends.cudnn.enabled)


class Aligned(Layer):
    """A layer with coefficients for the axes of its first bottom from `axis` on: its second bottom, or its first blob.

    The blob has num_axes of them: -1 for all, 0 for a single number.
    """

    bottoms = (1, 2)
    parameters = ""  # the field of LayerParameter
    neutral = 0  # what the blob holds without a filler

    def setup(self, bottom, top):
        p = self.p = getattr(self.param, self.parameters)
        if len(bottom) == 2:
            return
        axis, dims = self.axis(p.axis, bottom[0]), len(bottom[0].shape)
        self.check(p.num_axes >= -1, "num_axes must be 0 or more, or -1 for all from axis on, not %d" % p.num_axes)
        self.check(axis + p.num_axes <= dims, "num_axes %d from axis %d on, but the bottom has only %d axes"
                   % (p.num_axes, axis, dims))
        shape = bottom[0].shape[axis:] if p.num_axes == -1 else bottom[0].shape[axis:axis + p.num_axes]
        self.add_blob(shape, p.filler if p.HasField("filler") else FillerParameter(value=self.neutral))

    def top_shapes(self, shape, *coefficients):
        for fitting in *coefficients, *(blob.shape for blob in self.blobs):
            first = self.first(fitting, shape)
            self.check(shape[first:first + len(fitting)] == fitting, "coefficients of shape %s do not fit a bottom of "
                       "shape %s from axis %d on" % (tuple(fitting), tuple(shape), first))
        return [shape]

    def first(self, coefficients, shape):
        """The axis of a bottom of this shape that the first axis of coefficients of that shape is for."""
        return self.axis(self.p.axis, shape) if coefficients else 0

    def aligned(self, coefficients, x):
        """The coefficients with an axis for each of x's from `axis` on, and of its type."""
        behind = x.dim() - self.first(coefficients.shape, x.shape) - coefficients.dim()
        return coefficients.to(x.dtype).reshape((*coefficients.shape, *[1] * behind))


@layer("Scale")
class Scale(Aligned):
    """scale * x, and with bias_term scale * x + bias (BVLC scale_layer.cpp)."""

    parameters, neutral = "scale_param", 1
    follows_blobs = True

    def setup(self, bottom, top):
        super().setup(bottom, top)
        if self.p.bias_term:
            self.add_blob((*bottom[1:], *self.blobs)[0].shape, self.p.bias_filler)

    def compute(self, x, *scale_and_bias):
        scale, *bias = (self.aligned(coefficients, x) for coefficients in scale_and_bias)
        return torch.addcmul(*bias, x, scale) if bias else x * scale


@layer("Bias")
class Bias(Aligned):
    """x + bias (BVLC bias_layer.cpp)."""

    parameters = "bias_param"

    def compute(self, x, bias):
        return x + self.aligned(bias, x)
