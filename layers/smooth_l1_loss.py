"""Smooth-l1 regression loss with a turning point (eq. 2 of the paper).

    loss = 1/N sum_i f(x_i - y_i),    f(d) = 1/2 d^2            where |d| < t
                                             |d| - t + 1/2 t^2  elsewhere

t = 1 is the paper's "smooth l1", t = 0 its "l1". f is continuous, but its slope jumps from t to 1 at
|d| = t unless t = 1: that is eq. 2 as printed, and what the authors' code computes.

    layer { name: "regression" type: "Python" bottom: "intensity" bottom: "label" top: "regression_loss"
      loss_weight: 1
      python_param { module: "layers.smooth_l1_loss" layer: "SmoothL1LossLayer" param_str: "{'turning_point': 1}" } }
"""
import caffe
import numpy as np

from layers import check_blobs, parse_param_str, show_errors


@show_errors
class SmoothL1LossLayer(caffe.Layer):
    """Bottoms: prediction (N x 1 or N), label (N). Top: loss (1). Gradient to the prediction only."""

    def setup(self, bottom, top):
        check_blobs(self, bottom, top, bottoms=2, tops=1)
        self.turning_point = parse_param_str(self, required=("turning_point",))["turning_point"]
        if not self.turning_point >= 0:
            raise ValueError("SmoothL1LossLayer: turning_point must be 0 or more, not %r" % self.turning_point)

    def reshape(self, bottom, top):
        if bottom[0].count != bottom[0].num or bottom[0].count != bottom[1].count:
            raise ValueError("SmoothL1LossLayer: one prediction and one label a sample, here are shapes %s and %s"
                             % (tuple(bottom[0].data.shape), tuple(bottom[1].data.shape)))
        top[0].reshape(1)

    def forward(self, bottom, top):
        t = self.turning_point
        self.error = bottom[0].data.ravel() - bottom[1].data.ravel()
        size = np.abs(self.error)
        top[0].data[0] = np.where(size < t, 0.5 * size ** 2, size - t + 0.5 * t ** 2).mean()

    def backward(self, top, propagate_down, bottom):
        if propagate_down[1]:
            raise ValueError("SmoothL1LossLayer: cannot propagate to the labels")
        if propagate_down[0]:
            slope = np.where(np.abs(self.error) < self.turning_point, self.error, np.sign(self.error))
            bottom[0].diff[...] = (top[0].diff[0] / slope.size * slope).reshape(bottom[0].diff.shape)
