"""As much of pycaffe as a Python layer sees, so that the layers' tests also run where there is no caffe."""
import numpy as np


class Layer:
    """Base of Python layers."""

    def __init__(self, param_str):
        self.param_str = param_str
        self.blobs = Blobs()


class Blobs(list):
    def add_blob(self, *shape):
        self.append(Blob(*shape))


class Blob:
    """data and diff, float32 arrays of one shape."""

    def __init__(self, *shape):
        self.reshape(*shape)

    def reshape(self, *shape):
        self.data, self.diff = np.zeros(shape, np.float32), np.zeros(shape, np.float32)

    num = property(lambda self: self.data.shape[0])
    count = property(lambda self: self.data.size)
