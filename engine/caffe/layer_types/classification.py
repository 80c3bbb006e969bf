"""Classes: their probabilities, the likeliest ones, how many are right, and labels (BVLC *_layer.cpp of those names).

A label is the index of a class, held in a float; BVLC cuts fractions off, and so do these layers.
"""
import math

import torch

from caffe.layer import Layer, layer


def around(layer, axis, shape):
    """How many values lie (before, along, behind) the axis, which may count from the end."""
    axis = layer.axis(axis, shape)
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1:])


def class_labels(layer, label, shape, classes, ignored=None):
    """The labels as indices (int64, of this shape), 0 for the ignored ones, and where they count (bool).

    Raises CaffeError for a label that is neither ignored nor one of so many classes.
    """
    label = label.float().trunc().reshape(shape)
    if ignored is None:
        counted = torch.ones_like(label, dtype=torch.bool)
    else:
        counted = label != ignored
        label = torch.where(counted, label, 0)
    fits = label.clamp(0, classes - 1) == label
    layer.check_values(~fits, label, "label %%g, but there are %d classes, 0 to %d; mend the labels, or set num_output "
                       "or ignore_label" % (classes, classes - 1))
    return torch.where(fits, label, 0).long(), counted


@layer("Softmax")
class Softmax(Layer):
    """Probabilities, of sum 1 along the axis."""

    def top_shapes(self, shape):
        self.axis(self.param.softmax_param.axis, shape)
        return [shape]

    def compute(self, x):
        return x.float().softmax(self.param.softmax_param.axis)


@layer("Accuracy")
class Accuracy(Layer):
    """The share of labels whose class is among the top_k largest, ties being wrong. A second top: that of each class.

    Bottoms: predictions, and labels in the shape of the predictions without the axis.
    """

    bottoms, tops = 2, (1, 2)
    label_bottoms = (0, 1)

    def top_shapes(self, shape, label):
        p = self.param.accuracy_param
        outer, classes, inner = around(self, p.axis, shape)
        self.check(math.prod(label) == outer * inner, "%d labels for %d predictions of %d classes"
                   % (math.prod(label), outer * inner, classes))
        self.check(p.top_k <= classes, "top_k %d of %d classes" % (p.top_k, classes))
        return [(), (classes,)][:self.top_count]

    def compute(self, x, label):
        p = self.param.accuracy_param
        outer, classes, inner = around(self, p.axis, x.shape)
        x = x.float().reshape(outer, classes, inner)
        label, counted = class_labels(self, label, (outer, 1, inner), classes,
                                      p.ignore_label if p.HasField("ignore_label") else None)
        better = (x >= x.gather(1, label)).sum(1, keepdim=True) - 1  # the class itself is not
        right = ((better < p.top_k) & counted).float()
        share = right.sum() / counted.sum().clamp(min=1)
        if self.top_count == 1:
            return share
        right, counted = (x.new_zeros(classes).index_add_(0, label.flatten(), values.float().flatten())
                          for values in (right, counted))
        return share, right / counted.clamp(min=1)


@layer("ArgMax")
class ArgMax(Layer):
    """The indices of the top_k largest values, or the values: along the axis, or of all that belongs to a datum.

    Of equal values the last comes first. Without an axis the top is of shape (datums, 1, top_k), or (datums, 2, top_k):
    indices, then values.
    """

    label_bottoms = (0,)

    def setup(self, bottom, top):
        self.along_axis = self.param.argmax_param.HasField("axis")
        self.check(self.param.argmax_param.top_k >= 1, "top_k must be 1 or more")

    def top_shapes(self, shape):
        p = self.param.argmax_param
        if self.along_axis:
            axis = self.axis(p.axis, shape)
            found = (*shape[:axis], p.top_k, *shape[axis + 1:])
        else:
            axis = self.axis(0, shape)
            found = (shape[0], 2 if p.out_max_val else 1, p.top_k, *(1,) * (len(shape) - 3))
        size = shape[axis] if self.along_axis else math.prod(shape[1:])
        self.check(p.top_k <= size, "top_k %d of %d values" % (p.top_k, size))
        return [found]

    def compute(self, x):
        p = self.param.argmax_param
        axis, dims = p.axis if self.along_axis else 1, x.dim()
        x = x.float() if self.along_axis else x.float().reshape(len(x), math.prod(x.shape[1:]))
        values, order = x.flip(axis).sort(dim=axis, descending=True, stable=True)
        values = values.narrow(axis, 0, p.top_k)
        indices = (x.shape[axis] - 1 - order.narrow(axis, 0, p.top_k)).float()
        if self.along_axis:
            return values if p.out_max_val else indices
        found = torch.stack([indices, values] if p.out_max_val else [indices], 1)
        return found.reshape(*found.shape, *[1] * (dims - 3))
