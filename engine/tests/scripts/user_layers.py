"""Python layers as people write them."""
import ast

import numpy as np

import caffe


class EuclideanLoss(caffe.Layer):
    """Half the mean squared distance, forward and backward by hand."""

    def setup(self, bottom, top):
        if len(bottom) != 2:
            raise Exception("Need two inputs to compute distance.")

    def reshape(self, bottom, top):
        if bottom[0].count != bottom[1].count:
            raise Exception("Inputs must have the same dimension.")
        self.diff = np.zeros_like(bottom[0].data, dtype=np.float32)
        top[0].reshape(1)

    def forward(self, bottom, top):
        self.diff[...] = bottom[0].data - bottom[1].data
        top[0].data[...] = np.sum(self.diff**2) / bottom[0].num / 2.

    def backward(self, top, propagate_down, bottom):
        for i in range(2):
            if not propagate_down[i]:
                continue
            sign = 1 if i == 0 else -1
            bottom[i].diff[...] = sign * self.diff / bottom[i].num


class Times(caffe.Layer):
    """Multiplies by param_str."""

    def setup(self, bottom, top):
        self.factor = float(self.param_str)

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].data.shape)

    def forward(self, bottom, top):
        top[0].data[...] = self.factor * bottom[0].data

    def backward(self, top, propagate_down, bottom):
        bottom[0].diff[...] = self.factor * top[0].diff


class Offset(caffe.Layer):
    """Adds a weight of its own for each column; its gradient accumulates."""

    def setup(self, bottom, top):
        self.blobs.add_blob(1, bottom[0].data.shape[1])
        self.blobs[0].data[...] = 0.5
        self.calls = 0

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].data.shape)

    def forward(self, bottom, top):
        self.calls += 1
        top[0].data[...] = bottom[0].data + self.blobs[0].data

    def backward(self, top, propagate_down, bottom):
        self.blobs[0].diff[...] += top[0].diff.sum(axis=0)
        if propagate_down[0]:
            bottom[0].diff[...] = top[0].diff


class Phase(caffe.Layer):
    """Says which phase it is in."""

    def setup(self, bottom, top):
        pass

    def reshape(self, bottom, top):
        top[0].reshape()

    def forward(self, bottom, top):
        top[0].data[()] = self.phase

    def backward(self, top, propagate_down, bottom):
        pass


class Raising(caffe.Layer):
    def setup(self, bottom, top):
        pass

    def reshape(self, bottom, top):
        top[0].reshape(1)

    def forward(self, bottom, top):
        raise RuntimeError("as it should")

    def backward(self, top, propagate_down, bottom):
        pass


class MultilabelData(caffe.Layer):
    """Serves images with several labels each; tops are shaped in setup, batches drawn in forward."""

    def setup(self, bottom, top):
        self.top_names = ["data", "label"]
        params = ast.literal_eval(self.param_str)
        self.batch_size, self.size = params["batch_size"], params["im_shape"]
        self.images = np.load(params["images"])
        self.labels = np.load(params["labels"])
        self.at = 0
        top[0].reshape(self.batch_size, 3, self.size[0], self.size[1])
        top[1].reshape(self.batch_size, self.labels.shape[1])

    def reshape(self, bottom, top):
        pass

    def forward(self, bottom, top):
        for i in range(self.batch_size):
            image = self.images[self.at][:, :self.size[0], :self.size[1]]
            top[0].data[i, ...] = image
            top[1].data[i, ...] = self.labels[self.at]
            self.at = (self.at + 1) % len(self.images)

    def backward(self, top, propagate_down, bottom):
        pass


class Batches(caffe.Layer):
    """The same random images and classes to everybody: batch and classes from param_str."""

    def setup(self, bottom, top):
        self.batch, self.classes = [int(word) for word in self.param_str.split(",")]
        self.random = np.random.RandomState(self.phase + 5)

    def reshape(self, bottom, top):
        top[0].reshape(self.batch, 1, 12, 12)
        top[1].reshape(self.batch)

    def forward(self, bottom, top):
        labels = self.random.randint(self.classes, size=self.batch)
        images = self.random.uniform(0, 0.3, size=(self.batch, 1, 12, 12))
        for image, label in zip(images, labels):
            image[0, label:label + 3, :] += 1  # a bar whose height tells the class
        top[0].data[...] = images
        top[1].data[...] = labels

    def backward(self, top, propagate_down, bottom):
        pass


class Growing(caffe.Layer):
    """Gives a row more each time, and shapes its top in forward, as proposal layers do."""

    def setup(self, bottom, top):
        self.rows = 0
        top[0].reshape(1, 5)

    def reshape(self, bottom, top):
        pass

    def forward(self, bottom, top):
        self.rows += 1
        top[0].reshape(self.rows, 5)
        top[0].data[...] = np.arange(self.rows * 5).reshape(self.rows, 5)

    def backward(self, top, propagate_down, bottom):
        pass
