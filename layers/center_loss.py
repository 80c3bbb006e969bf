"""Center loss whose centers are learned by gradient (eq. 3 of the paper).

    l1: loss = 1/N sum_i |x_i - c_{y_i}|_1          l2: loss = 1/N sum_i 1/2 |x_i - c_{y_i}|_2^2

The centers are the layer's blob (classes x features). Their gradient, like the features', is that of the loss times
its loss weight, and it is the solver that moves them, with the layer's lr_mult and decay_mult. Wen et al. (ECCV 2016)
move them by an average of their own instead; section 3.2 of the paper says why this one does not.

    layer { name: "pain_center" type: "Python" bottom: "ip1_res5" bottom: "label" top: "center_loss"
      loss_weight: 0.01
      param { lr_mult: 1 decay_mult: 2 }
      python_param { module: "layers.center_loss" layer: "CenterLossLayer"
        param_str: "{'classes': 6, 'norm': 'l1', 'seed': 1}" } }
"""
import caffe
import numpy as np

from layers import check_blobs, parse_param_str, show_errors


@show_errors
class CenterLossLayer(caffe.Layer):
    """Bottoms: features (N x D), label (N, integers 0..classes-1). Top: loss (1). Blob: centers (classes x D)."""

    def setup(self, bottom, top):
        check_blobs(self, bottom, top, bottoms=2, tops=1)
        params = parse_param_str(self, required=("classes", "norm"), optional=("seed",))
        self.classes, self.norm = params["classes"], params["norm"]
        if not (isinstance(self.classes, int) and self.classes > 0):
            raise ValueError("CenterLossLayer: classes must be a positive integer, not %r" % (self.classes,))
        if self.norm not in ("l1", "l2"):
            raise ValueError("CenterLossLayer: norm must be 'l1' or 'l2', not %r" % (self.norm,))
        features = bottom[0].count // bottom[0].num
        self.blobs.add_blob(self.classes, features)
        limit = np.sqrt(3. / features)  # Caffe's xavier filler for a blob of this shape
        random = np.random.RandomState(params.get("seed", 1))
        self.blobs[0].data[...] = random.uniform(-limit, limit, (self.classes, features))

    def reshape(self, bottom, top):
        features = self.blobs[0].data.shape[1]
        if bottom[0].count != bottom[0].num * features or bottom[1].count != bottom[0].num:
            raise ValueError("CenterLossLayer: features of N x %d and N labels, here are shapes %s and %s"
                             % (features, tuple(bottom[0].data.shape), tuple(bottom[1].data.shape)))
        top[0].reshape(1)

    def forward(self, bottom, top):
        label = bottom[1].data.ravel()
        self.label = label.astype(int)
        if (self.label != label).any() or self.label.min() < 0 or self.label.max() >= self.classes:
            raise ValueError("CenterLossLayer: labels must be integers 0..%d, here is %r"
                             % (self.classes - 1, sorted(set(label.tolist()))))
        self.offset = bottom[0].data.reshape(len(label), -1) - self.blobs[0].data[self.label]
        total = np.abs(self.offset).sum() if self.norm == "l1" else 0.5 * (self.offset ** 2).sum()
        top[0].data[0] = total / len(label)

    def backward(self, top, propagate_down, bottom):
        if propagate_down[1]:
            raise ValueError("CenterLossLayer: cannot propagate to the labels")
        slope = np.sign(self.offset) if self.norm == "l1" else self.offset
        slope = top[0].diff[0] / len(slope) * slope
        np.subtract.at(self.blobs[0].diff, self.label, slope)  # adds up: the solver clears it, once an iteration
        if propagate_down[0]:
            bottom[0].diff[...] = slope.reshape(bottom[0].diff.shape)
