"""Layers that combine bottoms value by value, or the values of one bottom."""
import math

import torch

from caffe.layer import Layer, layer
from caffe.proto.caffe_pb2 import EltwiseParameter, ReductionParameter


@layer("Eltwise")
class Eltwise(Layer):
    """The product, the sum weighted by `coeff`, or the maximum of the bottoms.

    The product's gradient is the stable one always: without stable_prod_grad, BVLC's is NaN where a value is 0.
    """

    bottoms = (2, None)
    traces = True

    def setup(self, bottom, top):
        p = self.param.eltwise_param
        self.check(len(p.coeff) in (0, len(bottom)), "%d coeff for %d bottoms; give one for each" % (
            len(p.coeff), len(bottom)))
        self.check(not p.coeff or p.operation != p.PROD, "takes no coeff for a product")

    def top_shapes(self, *shapes):
        for shape in shapes:
            self.check(shape == shapes[0], "bottoms of shapes %s and %s" % (tuple(shapes[0]), tuple(shape)))
        return [shapes[0]]

    def prepared(self, *shapes):
        p = self.param.eltwise_param
        return torch.add if p.operation == p.SUM and not p.coeff and len(shapes) == 2 else super().prepared(*shapes)

    def compute(self, *bottoms):
        combine = {EltwiseParameter.PROD: self.product, EltwiseParameter.SUM: self.sum,
                   EltwiseParameter.MAX: self.maximum}[self.param.eltwise_param.operation]
        return combine(*bottoms)

    def product(self, first, *others):
        for x in others:
            first = first * x
        return first

    def sum(self, first, *others):
        weight, *weights = self.param.eltwise_param.coeff or [1] * (1 + len(others))
        total = first if weight == 1 else first * weight
        for x, weight in zip(others, weights):
            total = torch.add(total, x, alpha=weight)
        return total

    def maximum(self, first, second, *others):
        """Where values are equal, the gradient goes to the second bottom, or else to the one that comes first."""
        most = torch.where(first > second, first, second)
        for x in others:
            most = torch.where(x > most, x, most)
        return most


@layer("Reduction")
class Reduction(Layer):
    """The sum, of absolute values, of squares, or the mean, over all axes from `axis` on, times `coeff`."""

    follows_blobs = True

    def setup(self, bottom, top):
        self.axis(self.param.reduction_param.axis, bottom[0])

    def top_shapes(self, shape):
        return [shape[:self.param.reduction_param.axis % len(shape)]]

    def compute(self, x):
        p = self.param.reduction_param
        first = p.axis % x.dim()
        x = x.float().reshape(*x.shape[:first], math.prod(x.shape[first:]))
        if p.operation == ReductionParameter.ASUM:
            x = x.abs()
        elif p.operation == ReductionParameter.SUMSQ:
            x = x * x
        return (x.mean(-1) if p.operation == ReductionParameter.MEAN else x.sum(-1)) * p.coeff
