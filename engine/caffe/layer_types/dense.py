"""Fully connected layers, and their like for inputs that are indices."""
import math

import torch
import torch.nn.functional as F

from caffe.layer import Layer, layer


@layer("InnerProduct")
class InnerProduct(Layer):
    """y = W x + b over all axes from `axis` on. W: outputs x inputs, or with `transpose` inputs x outputs."""

    computes_in_half = follows_blobs = True

    def setup(self, bottom, top):
        p = self.param.inner_product_param
        self.check(p.num_output > 0, "num_output must be positive")
        self.inputs = math.prod(bottom[0].shape[self.axis(p.axis, bottom[0]):])
        self.add_blob((self.inputs, p.num_output) if p.transpose else (p.num_output, self.inputs), p.weight_filler)
        if p.bias_term:
            self.add_blob((p.num_output,), p.bias_filler)

    def top_shapes(self, shape):
        p = self.param.inner_product_param
        first = p.axis % len(shape)
        found = math.prod(shape[first:])
        self.check(found == self.inputs, "input size %d incompatible with the %d it was set up for"
                   % (found, self.inputs))
        return [(*shape[:first], p.num_output)]

    def work(self, bottoms, tops):
        return self.inputs * math.prod(tops[0])

    def compute(self, x, weight, bias=None):
        p = self.param.inner_product_param
        return F.linear(x.flatten(p.axis % x.dim()), weight.t() if p.transpose else weight, bias)


@layer("Embed")
class Embed(Layer):
    """For each index, 0 to input_dim - 1, its row of the weights (input_dim x num_output), plus a bias."""

    label_bottoms = (0,)
    follows_blobs = True

    def setup(self, bottom, top):
        p = self.param.embed_param
        self.check(p.num_output > 0, "num_output must be positive")
        self.check(p.input_dim > 0, "input_dim must be positive")
        self.add_blob((p.input_dim, p.num_output), p.weight_filler)
        if p.bias_term:
            self.add_blob((p.num_output,), p.bias_filler)

    def top_shapes(self, shape):
        return [(*shape, self.param.embed_param.num_output)]

    def compute(self, index, weight, bias=None):
        index = index.long()
        fits = (index >= 0) & (index < len(weight))
        self.check_values(~fits, index, "index %%d is not one of 0 to input_dim - 1, %d" % (len(weight) - 1))
        y = F.embedding(torch.where(fits, index, 0), weight)
        return y if bias is None else y + bias
