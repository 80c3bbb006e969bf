"""Pooling over the windows of an image, at one size or at several: Pooling and SPP.

Caffe rounds the number of windows up, so the last ones may stick out; with padding, one that would begin beyond the
image and its padding is left out. Maxima are of what a window has of the image. Averages divide by what it has of the
image and its padding.
"""
import torch
import torch.nn.functional as F

from caffe.layer import Layer, layer
from caffe.proto.caffe_pb2 import TEST, PoolingParameter

MAX, AVE, STOCHASTIC = PoolingParameter.MAX, PoolingParameter.AVE, PoolingParameter.STOCHASTIC


class Windows:
    """kernel, stride and pad, each (height, width); floor: round the number of windows down instead of up.

    x is (N, C, H, W) in all methods. A window that has nothing of the image, where a stride without padding is larger
    than the kernel, holds Caffe's values: the lowest float32 as its maximum, 0 / 0 as its average.
    """

    def __init__(self, kernel, stride=(1, 1), pad=(0, 0), floor=False):
        self.kernel, self.stride, self.pad, self.floor = kernel, stride, pad, floor

    def _axes(self, sizes):
        return zip(sizes, self.kernel, self.stride, self.pad)

    def counts(self, sizes):
        """How many windows an image of these sizes (height, width) has along each axis."""
        counts = []
        for size, kernel, stride, pad in self._axes(sizes):
            room = size + 2 * pad - kernel
            count = (room // stride if self.floor else -(-room // stride)) + 1
            if any(self.pad) and (count - 1) * stride >= size + pad:
                count -= 1
            counts.append(count)
        return counts

    def max(self, x):
        """The maxima, and where they are in the image (row * width + column; -1: nowhere)."""
        if self.torch_counts_alike(x):
            return F.max_pool2d(x, self.kernel, self.stride, self.pad, ceil_mode=not self.floor, return_indices=True)
        padded = self._padded(x, torch.finfo(x.dtype).min)
        values, index = F.max_pool2d(padded, self.kernel, self.stride, return_indices=True)
        row, column = index // padded.shape[3] - self.pad[0], index % padded.shape[3] - self.pad[1]
        height, width = x.shape[2:]
        return values, torch.where((row < height) & (column < width), row * width + column, -1)

    def average(self, x):
        if self.torch_counts_alike(x):
            return F.avg_pool2d(x, self.kernel, self.stride, self.pad, ceil_mode=not self.floor)
        sums = F.avg_pool2d(self._padded(x, 0), self.kernel, self.stride, divisor_override=1)
        rows, columns = (
            (size + 2 * pad - stride * torch.arange(count, device=x.device)).clamp(max=kernel)
            for count, (size, kernel, stride, pad) in zip(sums.shape[2:], self._axes(x.shape[2:])))
        return sums / (rows[:, None] * columns)

    def values(self, x):
        """What each window holds, (N, C, *counts, kernel's size), zeros outside of the image."""
        rows, columns = zip(self.kernel, self.stride)
        return self._padded(x, 0).unfold(2, *rows).unfold(3, *columns).flatten(4)

    def torch_counts_alike(self, x):
        """Whether PyTorch's pooling takes these windows, and makes as many: it also leaves some out without padding."""
        sizes = x.shape[2:]
        return all(2 * pad <= kernel and (count - 1) * stride < size + pad
                   for count, (size, kernel, stride, pad) in zip(self.counts(sizes), self._axes(sizes)))

    def _padded(self, x, value):
        """x, padded or cropped to what the windows span."""
        sides, sizes = [], x.shape[2:]
        for count, (size, kernel, stride, pad) in zip(self.counts(sizes), self._axes(sizes)):
            sides = [pad, (count - 1) * stride + kernel - size - pad] + sides
        return F.pad(x, sides, value=value)


class Pool(Layer):
    """What Pooling and SPP share."""

    def counts(self, windows, shape, method):
        """How many windows a bottom of this shape has; refuses those that do not suit it or the method."""
        self.check(len(shape) == 4, "needs a bottom of 4 axes (num, channels, height, width), here are %d" % len(shape))
        self.check(all(pad < kernel for pad, kernel in zip(windows.pad, windows.kernel)),
                   "pad %s must be less than kernel %s" % (windows.pad, windows.kernel))
        self.check(method != STOCHASTIC or not any(windows.pad), "pad is for maximum and average, not for STOCHASTIC")
        counts = windows.counts(shape[2:])
        self.check(all(count > 0 for count in counts), "kernel %s does not fit into a bottom of shape %s"
                   % (tuple(windows.kernel), tuple(shape)))
        return counts

    def pool(self, windows, x, method):
        if method == MAX:
            return windows.max(x)[0]
        return windows.average(x) if method == AVE else self._stochastic(windows, x)

    def _stochastic(self, windows, x):
        """Draws one of a window's values, each with a probability in proportion to it; in TEST, the mean of that.

        As BVLC pooling_layer.cu; its CPU code has none.
        """
        values = windows.values(x.float())
        if self.param.phase == TEST:
            total = values.sum(-1)
            return values.square().sum(-1) / torch.where(total > 0, total, torch.inf)
        sums = values.detach().cumsum(-1)
        chance = self.context.uniform(self, (*values.shape[:-1], 1), "pool", windows.kernel)
        drawn = (sums < chance * sums[..., -1:]).sum(-1, keepdim=True).clamp(max=values.shape[-1] - 1)
        return values.gather(-1, drawn).squeeze(-1)


@layer("Pooling")
class Pooling(Pool):
    """MAX, AVE or STOCHASTIC. A second top, of MAX, says where the maxima were (BVLC pooling_layer.cpp)."""

    @property
    def tops(self):
        return (1, 2) if self.param.pooling_param.pool == MAX else 1

    @property
    def traces(self):
        return self.param.pooling_param.pool != STOCHASTIC

    def setup(self, bottom, top):
        p = self.param.pooling_param
        stride, pad = self._pair("stride"), self._pair("pad")
        self.check(all(stride), "stride must be positive")
        if p.global_pooling:
            self.check(not any(p.HasField(name) for name in ("kernel_size", "kernel_h", "kernel_w")),
                       "with global_pooling the kernel is the image; give no kernel_size, kernel_h or kernel_w")
            self.check(stride == (1, 1) and pad == (0, 0), "with global_pooling, stride must be 1 and pad 0")
        else:
            kernel = self._pair("kernel_size")
            self.check(all(kernel), "give a positive kernel_size, or kernel_h and kernel_w, or global_pooling: true")
            self._windows = Windows(kernel, stride, pad, p.round_mode == PoolingParameter.FLOOR)

    def _pair(self, name):
        """(height, width) of `name` in the PoolingParameter, given as one number or as two."""
        p, short = self.param.pooling_param, name.replace("_size", "")
        pair = short + "_h", short + "_w"
        if not any(map(p.HasField, pair)):
            return getattr(p, name), getattr(p, name)
        self.check(all(map(p.HasField, pair)) and not p.HasField(name), "give either %s, or both %s and %s"
                   % (name, *pair))
        return tuple(getattr(p, side) for side in pair)

    def windows(self, shape):
        return Windows(tuple(shape[2:])) if self.param.pooling_param.global_pooling else self._windows

    def top_shapes(self, shape):
        counts = self.counts(self.windows(shape), shape, self.param.pooling_param.pool)
        return [(*shape[:2], *counts)] * self.top_count

    def compute(self, x):
        windows = self.windows(x.shape)
        if self.top_count == 2:
            values, index = windows.max(x)
            return values, index.float()
        return self.pool(windows, x, self.param.pooling_param.pool)

    def traced(self, x):
        """Without looking for where the maxima are, which oneDNN does not do."""
        windows = self.windows(x.shape)
        if self.top_count == 1 and self.param.pooling_param.pool == MAX and windows.torch_counts_alike(x):
            return torch.max_pool2d(x, windows.kernel, windows.stride, windows.pad, ceil_mode=not windows.floor)
        return self.compute(x)


@layer("SPP")
class SPP(Pool):
    """Spatial pyramid pooling: level i pools 2^i by 2^i windows; the levels' values stand in one row an image.

    A single level keeps its shape (BVLC spp_layer.cpp).
    """

    def setup(self, bottom, top):
        self.check(self.param.spp_param.pyramid_height > 0, "give a positive pyramid_height")

    def levels(self, shape):
        for level in range(self.param.spp_param.pyramid_height):
            kernel = tuple(-(-size // 2 ** level) for size in shape[2:])
            yield Windows(kernel, kernel, tuple((side * 2 ** level - size + 1) // 2
                                                for side, size in zip(kernel, shape[2:])))

    def top_shapes(self, shape):
        counts = [self.counts(windows, shape, self.param.spp_param.pool) for windows in self.levels(shape)]
        if len(counts) == 1:
            return [(*shape[:2], *counts[0])]
        return [(shape[0], shape[1] * sum(rows * columns for rows, columns in counts))]

    def compute(self, x):
        pooled = [self.pool(windows, x, self.param.spp_param.pool) for windows in self.levels(x.shape)]
        return pooled[0] if len(pooled) == 1 else torch.cat([level.flatten(1) for level in pooled], 1)
