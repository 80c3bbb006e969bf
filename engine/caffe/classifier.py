"""Classifier: a net that says what is in images."""
from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

import caffe


def transformer_for(net: caffe.Net, mean: npt.ArrayLike | None, input_scale: float | None, raw_scale: float | None,
                    channel_swap: Sequence[int] | None) -> caffe.io.Transformer:
    """The caffe.io.Transformer for the net's first input; what is None is left out."""
    name = net.inputs[0]
    transformer = caffe.io.Transformer({name: net.blobs[name].data.shape})
    transformer.set_transpose(name, (2, 0, 1))
    for value, setter in ((mean, transformer.set_mean), (input_scale, transformer.set_input_scale),
                          (raw_scale, transformer.set_raw_scale), (channel_swap, transformer.set_channel_swap)):
        if value is not None:
            setter(name, value)
    return transformer


class Classifier(caffe.Net):
    """A net in the phase TEST with the preprocessing of its images.

    image_dims: (H, W) that images are resized to before the net's input is cut out of them, by default the input's
    size; the others: see caffe.io.Transformer.
    """

    def __init__(self, model_file: str | bytes | os.PathLike, pretrained_file: str | bytes | os.PathLike | None,
                 image_dims: Sequence[int] | None = None, mean: npt.ArrayLike | None = None,
                 input_scale: float | None = None, raw_scale: float | None = None,
                 channel_swap: Sequence[int] | None = None):
        super().__init__(model_file, caffe.TEST, weights=pretrained_file)
        self.transformer = transformer_for(self, mean, input_scale, raw_scale, channel_swap)
        self.crop_dims = np.array(self.blobs[self.inputs[0]].data.shape[2:])
        self.image_dims = self.crop_dims if image_dims is None else image_dims

    def predict(self, inputs: Sequence[np.ndarray] | np.ndarray, oversample: bool = True) -> np.ndarray:
        """The output, N x classes, for a list of N images, H x W x K as of caffe.io.load_image.

        oversample: the mean over ten crops of each (caffe.io.oversample); else the one in the centre.
        """
        images = np.stack([caffe.io.resize_image(image, tuple(self.image_dims)) for image in inputs])
        if oversample:
            images = caffe.io.oversample(images, self.crop_dims)
        else:
            (y, x), (height, width) = ((np.array(self.image_dims) - self.crop_dims) / 2).astype(int), self.crop_dims
            images = images[:, y:y + height, x:x + width]
        name = self.inputs[0]
        out = self.forward_all(**{name: np.stack([self.transformer.preprocess(name, image) for image in images])})
        predictions = out[self.outputs[0]]
        if oversample:
            predictions = predictions.reshape(len(inputs), 10, -1).mean(1)
        return predictions
