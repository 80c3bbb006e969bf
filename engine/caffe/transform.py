"""What a transform_param does to the images of a data layer (BVLC data_transformer.cpp)."""
import numpy as np

from caffe.build import read_binary
from caffe.errors import CaffeError
from caffe.proto import caffe_pb2
from caffe.serialize import blobproto_shape, blobproto_values


class DataTransformer:
    """Crops an image (at random in TRAIN, its centre in TEST), mirrors it or not, and makes it (pixel - mean) * scale.

    The mean is a number, one a channel, or an image of the size before the crop. Raises CaffeError.
    """

    def __init__(self, param, phase):
        self.crop, self.mirror, self.scale = param.crop_size, param.mirror, np.float32(param.scale)
        self.crops_at_random = phase == caffe_pb2.TRAIN
        self.mean_values = np.array(param.mean_value, np.float32)[:, None, None]
        self.mean_image = None
        if param.HasField("mean_file"):
            if param.mean_value:
                raise CaffeError("Cannot specify mean_file and mean_value at the same time")
            self.mean_image = read_mean(param.mean_file)

    def shape(self, shape):
        """The shape, K x H x W, of what an image of this shape becomes. Raises CaffeError if it is not fit."""
        channels, height, width = shape
        if self.crop > min(height, width):
            raise CaffeError("crop_size is %d, but the image is of %d x %d" % (self.crop, height, width))
        if self.mean_image is not None and self.mean_image.shape != shape:
            raise CaffeError("the image has shape %s, the mean of mean_file %s" % (shape, self.mean_image.shape))
        if len(self.mean_values) not in (0, 1, channels):
            raise CaffeError("Specify either 1 mean_value or as many as channels: %d, not %d"
                             % (channels, len(self.mean_values)))
        return (channels, self.crop, self.crop) if self.crop else shape

    def draw(self, random, count):
        """The random numbers for so many images, one an entry."""
        return random.uniform(size=(count, 3))

    def transform(self, image, draw, out):
        """Write the image, K x H x W, transformed, to `out`, float32. draw: of those of `draw`."""
        shape = self.shape(image.shape)
        if shape != out.shape:
            raise CaffeError("shape %s, but the first of the batch has %s; let crop_size make them alike, or give "
                             "batch_size: 1" % (shape, out.shape))
        flip, *places = draw
        window = [slice(None)] * 3
        if self.crop:
            for i, (size, place) in enumerate(zip(image.shape[1:], places), 1):
                room = size - self.crop
                begin = int(place * (room + 1)) if self.crops_at_random else room // 2
                window[i] = slice(begin, begin + self.crop)
        image, mean = image[tuple(window)], self.mean_image
        if mean is not None:
            mean = mean[tuple(window)]
        elif len(self.mean_values):
            mean = self.mean_values
        into = out[:, :, ::-1] if self.mirror and flip < .5 else out
        if mean is None:
            into[...] = image
        else:
            np.subtract(image, mean, out=into, dtype=np.float32)
        if self.scale != 1:
            out *= self.scale


def read_mean(path):
    """The mean image, K x H x W, float32, of a binary BlobProto of 4 axes. Raises CaffeError, naming the file."""
    proto = read_binary(path, caffe_pb2.BlobProto())
    shape, values = blobproto_shape(proto), blobproto_values(proto)
    if len(shape) != 4 or min(shape) < 1 or int(np.prod(shape, dtype=object)) != len(values):
        raise CaffeError("%s: not a mean image (1 x channels x height x width): shape %s, %d values"
                         % (path, shape, len(values)))
    return values.reshape(shape)[0]
