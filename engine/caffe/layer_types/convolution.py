"""Convolution, its transpose, and the windows that both slide over images laid out as columns."""
import copy
import math

import torch
import torch.nn.functional as F

from caffe import channels_last, packed
from caffe.layer import LITTLE, Layer, layer

# Above, oneDNN's gradients of the weights crash (torch 2.13): from 16384 and from about 48,000 on. By columns then.
MOST_STRIDE, MOST_OUTPUTS = 2 ** 12, 2 ** 15
TINY = 2 ** 20  # multiplications that are done before oneDNN has begun


class Windows:
    """What a ConvolutionParameter says of `dims` spatial axes: kernel, stride, pad, dilation, each a list of a number
    an axis (BVLC base_conv_layer.cpp)."""

    def __init__(self, layer, p, dims):
        def per_axis(name, default):
            values, short = list(getattr(p, name)), name.replace("_size", "")
            if any(p.HasField(short + side) for side in ("_h", "_w") if hasattr(p, short + side)):
                layer.check(dims == 2, "%s_h and %s_w are for 2 spatial axes, here are %d" % (short, short, dims))
                layer.check(not values, "give either %s or %s_h and %s_w, not both" % (name, short, short))
                return [getattr(p, short + "_h"), getattr(p, short + "_w")]
            layer.check(len(values) in (0, 1, dims), "give %s once, or once for each of the %d spatial axes, not %d "
                        "times" % (name, dims, len(values)))
            return values if len(values) == dims else (values or [default]) * dims

        self.kernel, self.stride = per_axis("kernel_size", 0), per_axis("stride", 1)
        self.pad, self.dilation = per_axis("pad", 0), per_axis("dilation", 1)
        for name in "kernel", "stride", "dilation":
            values = getattr(self, name)
            layer.check(all(values), "%s must be positive along every spatial axis, not %s" % (name, values))

    def _axes(self, sizes):
        extents = [dilation * (kernel - 1) + 1 for kernel, dilation in zip(self.kernel, self.dilation)]
        return zip(sizes, extents, self.stride, self.pad)

    def counts(self, sizes):
        """How many windows fit along axes of these sizes. A single one may stick out, by less than the stride."""
        return [int((size + 2 * pad - extent) / stride) + 1 for size, extent, stride, pad in self._axes(sizes)]

    def missing(self, shape):
        """How much more than x (N, C, *spatial) of this shape a window takes, along each axis."""
        return [max(0, extent - size - 2 * pad) for size, extent, _, pad in self._axes(shape[2:])]

    def suit_bfloat16(self, sizes):
        """Whether oneDNN on a CPU (torch 2.13) can be trusted with images of these sizes.

        Where a window, or the way to the next, is longer than the image, its gradients are of what happens to lie
        behind that; with AMX so is a single window in a row with a stride, and 3-D images are written beyond theirs.
        """
        wide = any(size < max(extent, stride) for size, extent, stride, _ in self._axes(sizes))
        single = self.stride[-1:] > [1] and self.counts(sizes)[-1] == 1
        return len(sizes) <= 2 and not wide and not single

    def widened(self, x):
        """x (N, C, *spatial), with zeros behind it where a window sticks out."""
        missing = self.missing(x.shape)
        return F.pad(x, [side for count in reversed(missing) for side in (0, count)]) if any(missing) else x

    def spans(self, counts):
        """The sizes that so many windows span: what Deconvolution makes."""
        return [stride * (count - 1) + extent - 2 * pad for count, extent, stride, pad in self._axes(counts)]

    def columns(self, x):
        """The windows of x (N, C, *spatial) as a tensor (N, C, *kernel, *counts); outside of x are zeros."""
        dims = len(self.kernel)
        x = F.pad(self.widened(x), [pad for pad in reversed(self.pad) for _ in range(2)])
        for i, (_, extent, stride, _) in enumerate(self._axes(x.shape[2:])):
            x = x.unfold(2 + i, extent, stride)[..., ::self.dilation[i]]
        return x.permute(0, 1, *range(2 + dims, 2 + 2 * dims), *range(2, 2 + dims))

    def transposed(self):
        """The windows of the convolution that, over values set `stride` apart, is this one's transpose."""
        windows = copy.copy(self)
        windows.stride = [1] * len(self.kernel)
        windows.pad = [dilation * (kernel - 1) - pad
                       for kernel, dilation, pad in zip(self.kernel, self.dilation, self.pad)]
        return windows


class Windowed(Layer):
    """A layer with a ConvolutionParameter. The axes before `axis` are the batch's, then come channels and space."""

    def setup(self, bottom, top):
        p = self.param.convolution_param
        self.first = self.axis(p.axis, bottom[0])
        self.dims = len(bottom[0].shape) - self.first - 1
        self.channels = bottom[0].shape[self.first]
        self.windows = Windows(self, p, self.dims)

    def top_shapes(self, *shapes):
        for shape in shapes:
            self.check(shape == shapes[0], "its bottoms are of different shapes, %s and %s"
                       % (tuple(shapes[0]), tuple(shape)))
        shape, axis = shapes[0], self.first
        self.check(len(shape) == axis + 1 + self.dims and shape[axis] == self.channels,
                   "was set up for %d channels and %d spatial axes, and cannot take a bottom of shape %s"
                   % (self.channels, self.dims, tuple(shape)))
        sizes = self.sizes(shape[axis + 1:])
        self.check(all(size > 0 for size in sizes), "its windows do not fit into a bottom of shape %s: the top would "
                   "be of size %s" % (tuple(shape), " x ".join(map(str, sizes))))
        return [(*shape[:axis], self.top_channels(), *sizes)] * len(shapes)

    def sizes(self, spatial):
        """The top's spatial sizes."""
        return self.windows.counts(spatial)

    def batched(self, x):
        """x as (N, C, *spatial)."""
        return x if self.first == 1 else x.reshape(math.prod(x.shape[:self.first]), *x.shape[self.first:])


@layer("Convolution")
class Convolution(Windowed):
    """Weights (num_output, channels / group, *kernel) and a bias (num_output), over any number of spatial axes."""

    bottoms = tops = (1, None)
    computes_in_half = follows_blobs = traces = True
    functions = F.conv1d, F.conv1d, F.conv2d, F.conv3d  # by the number of spatial axes
    packs = True  # packed.py has a quicker one for images

    def setup(self, bottom, top):
        super().setup(bottom, top)
        p = self.param.convolution_param
        self.check(len(bottom) == len(top), "makes one top of each bottom; here are %d bottoms and %d tops"
                   % (len(bottom), len(top)))
        self.check(p.num_output > 0, "num_output must be positive")
        w = self.windows
        # oneDNN's gradients of 3-D weights (torch 2.13) are written beyond their memory where so much is padded.
        padded = self.dims == 3 and 1 < w.stride[0] < w.pad[0]
        self.torch_can = (self.dims < len(self.functions) and max(w.stride, default=1) <= MOST_STRIDE
                          and p.num_output <= MOST_OUTPUTS and not padded)
        self.check(p.group > 0, "group must be positive")
        for name, count in ("the number of channels", self.channels), ("num_output", p.num_output):
            self.check(count % p.group == 0, "%s, %d, must be a multiple of group, %d" % (name, count, p.group))
        self.can_pack = (self.packs and self.torch_can and self.dims == 2 and p.group == 1
                         and w.dilation == [1, 1] and self.context.device.type == "cpu" and packed.usable())
        self.add_blob((*self.weight_channels(p), *self.windows.kernel), p.weight_filler)
        if p.bias_term:
            self.add_blob((p.num_output,), p.bias_filler)
        if self.dims == 2 and self.context.channels_last:  # then so is what it makes, and what is made of that
            weight = self.blobs[0]
            weight.tensor = weight.tensor.contiguous(memory_format=torch.channels_last)

    def work(self, bottoms, tops):
        places = (math.prod((*shape[:self.first], *shape[self.first + 1:])) for shape in (*bottoms, *tops))
        return self.blobs[0].count * max(places)

    def weight_channels(self, p):
        return p.num_output, self.channels // p.group

    def top_channels(self):
        return self.param.convolution_param.num_output

    def compute(self, *xs_and_weights):
        xs, weights = xs_and_weights[:self.top_count], xs_and_weights[self.top_count:]
        return tuple(self.convolve(x, *weights) for x in xs)

    def prepared(self, *shapes):
        """Not for a command's passes, nor a solver's tests: with their batches it saves nothing, but takes memory."""
        w, weight = self.windows, self.blobs[0]
        packs = (self.can_pack and self.first == 1 and len(shapes) == 1 and not self.context.forward_only
                 and not any(w.missing(shapes[0])) and not self.context.autocast)
        function = packed.prepared(weight.values, weight._shape, shapes[0], w.stride, w.pad) if packs else None
        self.traces = not packed.filters(function)
        return function or super().prepared(*shapes)

    def traced(self, *xs_and_weights):
        if not self.can_pack or self.top_count > 1 or self.first != 1:
            return self.compute(*xs_and_weights)
        x, w = self.widened(xs_and_weights[0]), self.windows
        if not x.is_contiguous(memory_format=torch.channels_last):
            x = x.contiguous(memory_format=torch.channels_last)
        return torch.conv2d(x, *xs_and_weights[1:], stride=w.stride, padding=w.pad)

    def convolve(self, x, weight, bias=None):
        batch, x = x.shape[:self.first], self.batched(x)
        if x.dtype == torch.bfloat16 and x.device.type == "cpu" and not self.suits_bfloat16(x.shape[2:]):
            x, weight, bias = x.float(), weight.float(), None if bias is None else bias.float()
        y = (self.torch_convolution if self.torch_can else self.by_columns)(x, weight, bias)
        return y.reshape(*batch, *y.shape[1:2 + self.dims]) if self.first != 1 or not self.dims else y

    def torch_convolution(self, x, weight, bias):
        w, x = self.windows, self.widened(x)
        if self.can_pack and not torch.is_grad_enabled() and not self.context.autocast:
            return packed.convolve(x, weight, bias, w.stride, w.pad)
        work = weight.numel() * x.numel() // max(1, self.channels)
        if self.can_pack and work >= LITTLE:
            return channels_last.Convolve.apply(x, weight, bias, w.stride, w.pad)
        if self.can_pack and work < TINY:
            return torch._C._nn.thnn_conv2d(x.contiguous(), weight, w.kernel, bias, w.stride, w.pad)
        if x.device.type == "cpu":  # with channels side by side, oneDNN has crashed with groups and dilation
            x = x.contiguous()
        if not self.dims:
            x, weight = x.unsqueeze(-1), weight.unsqueeze(-1)
        kernels = self.context.kernels if bias is not None and self.dims == 2 else None
        y = self.functions[self.dims](x, weight, None if kernels else bias, stride=w.stride or 1, padding=w.pad or 0,
                                      dilation=w.dilation or 1, groups=self.param.convolution_param.group)
        if kernels and y.is_contiguous(memory_format=torch.channels_last):
            return kernels.AddBias.apply(y, bias)
        return y + bias.reshape(-1, 1, 1) if kernels else y

    def suits_bfloat16(self, sizes):
        return self.windows.suit_bfloat16(sizes)

    def widened(self, x):
        return self.windows.widened(x)

    def by_columns(self, x, weight, bias):
        return convolve_by_columns(x, weight, bias, self.windows, self.param.convolution_param.group)


def convolve_by_columns(x, weight, bias, windows, group):
    """What F.conv3d computes, over any number of spatial axes: the weights times x's windows, as matrices."""
    columns = windows.columns(x)
    counts = columns.shape[2 + len(windows.kernel):]
    rows = x.shape[1] // group * math.prod(windows.kernel)
    y = (weight.reshape(group, len(weight) // group, rows)
         @ columns.reshape(len(x), group, rows, math.prod(counts))).reshape(len(x), len(weight), *counts)
    return y if bias is None else y + bias.reshape(-1, *[1] * len(counts))


@layer("Deconvolution")
class Deconvolution(Convolution):
    """The transpose of a Convolution: weights (channels, num_output / group, *kernel)."""

    functions = F.conv_transpose1d, F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d
    packs = False

    def weight_channels(self, p):
        return self.channels, p.num_output // p.group

    def sizes(self, spatial):
        return self.windows.spans(spatial)

    def suits_bfloat16(self, sizes):
        """With AMX, oneDNN's (torch 2.13) write beyond their memory."""
        return False

    def widened(self, x):
        return x

    def by_columns(self, x, weight, bias):
        """The convolution, by the mirrored weights, of x's values set `stride` apart."""
        w, p = self.windows, self.param.convolution_param
        apart = x.new_zeros(*x.shape[:2], *(stride * (size - 1) + 1 for stride, size in zip(w.stride, x.shape[2:])))
        apart[(..., *(slice(None, None, stride) for stride in w.stride))] = x
        weight = weight.reshape(p.group, len(weight) // p.group, *weight.shape[1:]).transpose(1, 2)
        weight = weight.flip(list(range(3, weight.dim()))).reshape(p.num_output, -1, *w.kernel)
        return convolve_by_columns(apart, weight, bias, w.transposed(), p.group)


@layer("Im2col")
class Im2col(Windowed):
    """The values under each window, (channels * kernel's size) of them, as the channels of its place."""

    def setup(self, bottom, top):
        super().setup(bottom, top)
        self.check(self.dims > 0, "needs a spatial axis after the channels' axis, %d" % self.first)

    def top_channels(self):
        return self.channels * math.prod(self.windows.kernel)

    def compute(self, x):
        columns = self.windows.columns(self.batched(x))
        return columns.reshape(*x.shape[:self.first], self.top_channels(), *columns.shape[2 + self.dims:])
