"""Layers that hand values on as they are: inputs, splits, selections."""
import torch

from caffe.layer import Layer, Source, layer


@layer("Input")
class Input(Source):
    """Blobs to be set from outside."""

    tops = (1, None)
    passive = True

    def setup(self, bottom, top):
        shapes = self.param.input_param.shape
        self.check(len(shapes) in (0, 1, len(top)), "give 0 shapes, 1, or one a top (%d), not %d"
                   % (len(top), len(shapes)))
        for i, blob in enumerate(top):
            if shapes:
                blob.reshape(*shapes[i if len(shapes) > 1 else 0].dim)

    def forward(self, bottom, top, needs):
        pass


@layer("Parameter")
class Parameter(Source):
    """A learnable blob as a top. The top is the blob: what computes the top's gradient sets the blob's, adding nothing.

    BVLC parameter_layer.hpp; so `iter_size` has the last of its passes count alone.
    """

    def setup(self, bottom, top):
        self.add_blob(self.param.parameter_param.shape.dim)

    def reshape(self, bottom, top):
        top[0].reshape(*self.blobs[0].shape)
        top[0].share(self.blobs[0])

    def forward(self, bottom, top, needs):
        pass


@layer("Split")
class Split(Layer):
    """The same values under several names, in the same memory; their gradients add up."""

    tops = (1, None)
    passive = True

    def setup(self, bottom, top):
        self.check(bottom[0] not in top, "cannot work in place; give its tops other names")

    def reshape(self, bottom, top):
        super().reshape(bottom, top)
        for blob in top:
            blob.values = bottom[0].values

    def forward(self, bottom, top, needs):
        pass

    def backward(self, top, propagate_down, bottom, tape):
        if propagate_down[0]:
            total = top[0].grad
            for blob in top[1:]:
                total = total + blob.grad
            bottom[0].grad = total.clone() if total is top[0].grad else total


@layer("Silence")
class Silence(Layer):
    """Takes blobs that nobody else wants."""

    bottoms, tops = (1, None), 0
    passive = True

    def forward(self, bottom, top, needs):
        pass

    def backward(self, top, propagate_down, bottom, tape):
        for blob, wanted in zip(bottom, propagate_down):
            if wanted:
                blob.grad = torch.zeros_like(blob.tensor)


@layer("Filter")
class Filter(Layer):
    """Of each bottom the items (along axis 0) whose entry in the last bottom, the selector, is not 0.

    The rest get the gradient 0, and the selector none. Before the first forward the tops are as large as the bottoms.
    """

    bottoms, tops = (2, None), (1, None)
    capturable = False

    def setup(self, bottom, top):
        self.check(len(top) == len(bottom) - 1, "needs a top for each bottom but the selector, %d, not %d"
                   % (len(bottom) - 1, len(top)))
        self.is_new = True

    def allow_force_backward(self, index):
        return index < len(self.param.bottom) - 1

    def reshape(self, bottom, top):
        *items, selector = bottom
        self.check(not selector.count or selector.count == selector.shape[0],
                   "the selector's axes but the first must be 1; it is of shape %s" % (selector.shape,))
        for blob in items:
            self.check(blob.shape[:1] == selector.shape[:1], "the selector has %s items, a bottom has shape %s"
                       % (selector.shape[:1], blob.shape))
        count = selector.shape[0] if self.is_new else len(selected(selector.tensor))
        self.is_new = False
        for blob, item in zip(top, items):
            blob.reshape(count, *item.shape[1:])

    def compute(self, *bottoms):
        *items, selector = bottoms
        indices = selected(selector)
        return tuple(each.index_select(0, indices) for each in items)


def selected(selector):
    """The indices of what is not 0."""
    return torch.nonzero(selector.reshape(-1)).reshape(-1)


@layer("BatchReindex")
class BatchReindex(Layer):
    """The items (along axis 0) of the first bottom that the second names, in its order, as often as it names them."""

    bottoms = 2
    label_bottoms = (1,)

    def top_shapes(self, items, index):
        self.check(len(index) == 1, "the index must have 1 axis; it has shape %s" % (tuple(index),))
        return [(*index, *items[1:])]

    def compute(self, items, index):
        index = index.long()
        fits = (index >= 0) & (index < len(items))
        self.check_values(~fits, index, "index %%d, but there are the items 0 to %d" % (len(items) - 1))
        return items.index_select(0, torch.where(fits, index, 0))
