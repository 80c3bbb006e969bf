"""Layers that put values together, apart, or under another shape."""
import math

import torch

from caffe.layer import Layer, layer


class Rearrangement(Layer):
    """With one bottom and one top nothing is computed: both share their values and their gradients, as in BVLC's."""

    def reshape(self, bottom, top):
        super().reshape(bottom, top)
        if len(bottom) == len(top) == 1:
            top[0].share(bottom[0])

    def forward(self, bottom, top, needs):
        return None if len(bottom) == len(top) == 1 else super().forward(bottom, top, needs)

    def backward(self, top, propagate_down, bottom, tape):
        if not len(bottom) == len(top) == 1:
            super().backward(top, propagate_down, bottom, tape)

    def check_not_in_place(self, bottom, top):
        self.check(top[0] is not bottom[0], "cannot work in place; give its top another name")

    def chosen_axis(self, param, old_name, bottom):
        """The index of param.axis; of the field `old_name`, which counts from the start only, where that is given."""
        if not param.HasField(old_name):
            return self.axis(param.axis, bottom)
        self.check(not param.HasField("axis"), "give either axis or %s, not both" % old_name)
        axis = getattr(param, old_name)
        self.check(0 <= axis < len(bottom.shape), "%s %d, but the blob has %d axes"
                   % (old_name, axis, len(bottom.shape)))
        return axis


@layer("Concat")
class Concat(Rearrangement):
    """The bottoms one after the other along an axis."""

    bottoms = (1, None)
    traces = True

    def setup(self, bottom, top):
        self.along = self.chosen_axis(self.param.concat_param, "concat_dim", bottom[0])

    def top_shapes(self, *shapes):
        first, axis = shapes[0], self.along
        for shape in shapes:
            fits = len(shape) == len(first) and shape[:axis] == first[:axis] and shape[axis + 1:] == first[axis + 1:]
            self.check(fits, "bottoms of shapes %s and %s differ in more than axis %d"
                       % (tuple(first), tuple(shape), axis))
        return [(*first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1:])]

    def compute(self, *bottoms):
        return torch.cat(bottoms, self.along)


@layer("Slice")
class Slice(Rearrangement):
    """The bottom cut along an axis: at the slice_points, or evenly."""

    tops = (1, None)

    def setup(self, bottom, top):
        self.along = self.chosen_axis(self.param.slice_param, "slice_dim", bottom[0])
        points = self.param.slice_param.slice_point
        self.check(not points or len(points) == len(top) - 1, "%d slice_points for %d tops; give %d"
                   % (len(points), len(top), len(top) - 1))

    def sizes(self, size):
        """How much of `size` values each top gets."""
        points = list(self.param.slice_param.slice_point)
        if not points:
            self.check(size % self.top_count == 0, "%d tops cannot share %d evenly; give slice_point"
                       % (self.top_count, size))
            return [size // self.top_count] * self.top_count
        sizes = [end - begin for begin, end in zip([0, *points], [*points, size])]
        self.check(min(sizes) > 0, "slice_points %s do not increase from above 0 to below %d" % (points, size))
        return sizes

    def top_shapes(self, shape):
        axis = self.along
        return [(*shape[:axis], size, *shape[axis + 1:]) for size in self.sizes(shape[axis])]

    def compute(self, x):
        return x.split(self.sizes(x.shape[self.along]), self.along)


@layer("Flatten")
class Flatten(Rearrangement):
    """The axes from `axis` to `end_axis` made one. Gradients are shared from the first backward on, as in BVLC's."""

    def setup(self, bottom, top):
        self.check_not_in_place(bottom, top)
        p = self.param.flatten_param
        self.first, self.last = self.axis(p.axis, bottom[0]), self.axis(p.end_axis, bottom[0])
        self.check(self.first <= self.last + 1, "axis %d comes after end_axis %d" % (p.axis, p.end_axis))

    def top_shapes(self, shape):
        return [(*shape[:self.first], math.prod(shape[self.first:self.last + 1]), *shape[self.last + 1:])]

    def reshape(self, bottom, top):
        Layer.reshape(self, bottom, top)
        top[0].values = bottom[0].values

    def forward(self, bottom, top, needs):
        pass

    def backward(self, top, propagate_down, bottom, tape):
        bottom[0].gradients = top[0].gradients


@layer("Reshape")
class Reshape(Rearrangement):
    """The axes from `axis` on, `num_axes` of them or (-1) all, replaced by `shape`: 0 keeps one, -1 is what is left."""

    def setup(self, bottom, top):
        self.check_not_in_place(bottom, top)
        dims, p = list(self.param.reshape_param.shape.dim), self.param.reshape_param
        self.check(dims.count(-1) <= 1, "shape has more than one -1")
        self.check(min(dims, default=0) >= -1, "shape has dimensions below -1")
        self.check(p.num_axes >= -1, "num_axes must be 0 or more, or -1 for all")

    def top_shapes(self, shape):
        p, count = self.param.reshape_param, len(shape)
        first = p.axis if p.axis >= 0 else count + 1 + p.axis
        self.check(0 <= first <= count, "axis %d, but the bottom has %d axes" % (p.axis, count))
        last = count if p.num_axes == -1 else first + p.num_axes
        self.check(last <= count, "axis %d and num_axes %d, but the bottom has %d axes" % (p.axis, p.num_axes, count))
        dims = list(p.shape.dim)
        for i, dim in enumerate(dims):
            if dim == 0:
                self.check(first + i < count, "dimension %d of shape is 0, but the bottom has no axis to copy" % i)
                dims[i] = shape[first + i]
        dims = [*shape[:first], *dims, *shape[last:]]
        if -1 in dims:
            known, inferred = math.prod(dim for dim in dims if dim != -1), dims.index(-1)
            self.check(known and math.prod(shape) % known == 0, "%d values cannot be shared by dimensions %s"
                       % (math.prod(shape), dims))
            dims[inferred] = math.prod(shape) // known
        self.check(math.prod(dims) == math.prod(shape), "the output count must match the input's: shape %s for %s"
                   % (tuple(dims), tuple(shape)))
        return [dims]


@layer("Tile")
class Tile(Layer):
    """The bottom so many times along an axis."""

    def setup(self, bottom, top):
        p = self.param.tile_param
        self.check(p.tiles > 0, "tiles must be given and positive")
        self.along = self.axis(p.axis, bottom[0])

    def top_shapes(self, shape):
        axis = self.along
        return [(*shape[:axis], shape[axis] * self.param.tile_param.tiles, *shape[axis + 1:])]

    def compute(self, x):
        return torch.cat([x] * self.param.tile_param.tiles, self.along)
