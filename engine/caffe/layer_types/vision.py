"""Layers that cut images."""
from caffe.layer import Layer, layer


@layer("Crop")
class Crop(Layer):
    """The first bottom cut to the sizes of the second, from `axis` on, at the offsets (BVLC crop_layer.cpp).

    Without offsets they are 0; a single one is for each of these axes.
    """

    bottoms = 2

    def setup(self, bottom, top):
        p = self.param.crop_param
        cut = len(bottom[0].shape) - self.axis(p.axis, bottom[0])
        self.check(len(p.offset) in (0, 1, cut), "give offset once, or once for each of the %d axes from axis on, not "
                   "%d times" % (cut, len(p.offset)))
        self.cut, self.offsets = cut, list(p.offset) if len(p.offset) == cut else list(p.offset or [0]) * cut

    def top_shapes(self, shape, reference):
        first = len(shape) - self.cut
        self.check(len(reference) >= len(shape), "the second bottom, of shape %s, has fewer axes than the first, of "
                   "shape %s" % (tuple(reference), tuple(shape)))
        for axis, offset in enumerate(self.offsets, first):
            self.check(offset + reference[axis] <= shape[axis], "cannot cut %d at offset %d from the %d of axis %d"
                       % (reference[axis], offset, shape[axis], axis))
        return [(*shape[:first], *reference[first:len(shape)])]

    def compute(self, x, reference):
        first = x.dim() - self.cut
        for axis, offset in enumerate(self.offsets, first):
            x = x.narrow(axis, offset, reference.shape[axis])
        return x.clone()
