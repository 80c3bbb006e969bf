"""Detector: a net that says what is in windows of images, in the way of R-CNN."""
from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import caffe
from caffe.classifier import transformer_for


class Detector(caffe.Net):
    """A net in the phase TEST with the preprocessing of its windows.

    context_pad: how many pixels of the net's input, on each side, show what surrounds the window; the others: see
    caffe.io.Transformer.
    """

    def __init__(self, model_file: str | bytes | os.PathLike, pretrained_file: str | bytes | os.PathLike | None,
                 mean: npt.ArrayLike | None = None, input_scale: float | None = None, raw_scale: float | None = None,
                 channel_swap: Sequence[int] | None = None, context_pad: int | None = None):
        super().__init__(model_file, caffe.TEST, weights=pretrained_file)
        self.transformer = transformer_for(self, mean, input_scale, raw_scale, channel_swap)
        self.configure_crop(context_pad)

    def configure_crop(self, context_pad: int | None) -> None:
        """Set the context around windows. Where it lies outside of an image it becomes 0 in the net's input."""
        name = self.inputs[0]
        self.context_pad = context_pad
        self.crop_mean = self.transformer.deprocess(name, np.zeros(self.blobs[name].shape[1:]))

    def detect_windows(self, images_windows: Iterable[tuple[str | os.PathLike, Iterable[npt.ArrayLike]]]
                       ) -> list[dict[str, Any]]:
        """Run the net on windows: [(image file, [(ymin, xmin, ymax, xmax), ...]), ...].

        Returns a list of dicts, a window each: filename, window, and prediction, the net's first output.
        """
        name = self.inputs[0]
        places, crops = [], []
        for filename, windows in images_windows:
            image = caffe.io.load_image(filename).astype(np.float32)
            for window in windows:
                places.append((filename, window))
                crops.append(self.transformer.preprocess(name, self.crop(image, window)))
        predictions = self.forward_all(**{name: np.stack(crops)})[self.outputs[0]] if crops else ()
        return [{"window": window, "prediction": prediction, "filename": filename}
                for (filename, window), prediction in zip(places, predictions)]

    def detect_selective_search(self, image_fnames: Iterable[str | os.PathLike]) -> list[dict[str, Any]]:
        """detect_windows on the windows that selective search proposes (selective_search_ijcv_with_python)."""
        import selective_search_ijcv_with_python as selective_search
        image_fnames = [str(name) for name in image_fnames]
        windows = selective_search.get_windows(image_fnames, cmd="selective_search_rcnn")
        return self.detect_windows(zip(image_fnames, windows))

    def crop(self, im: np.ndarray, window: npt.ArrayLike) -> np.ndarray:
        """The window, (ymin, xmin, ymax, xmax), of the image; with context_pad, in its context, of the input's size."""
        top, left, bottom, right = (int(edge) for edge in window)
        if not self.context_pad:
            return im[top:bottom, left:right]
        size = self.blobs[self.inputs[0]].width  # the input is a square
        scale = size / (size - 2 * self.context_pad)
        half = np.array([bottom - top + 1, right - left + 1]) / 2
        centre = np.array([top, left]) + half
        begin, end = np.round(centre - scale * half), np.round(centre + scale * half)
        zoom = size / (end - begin + 1)
        pad = np.round(np.maximum(0, -begin) * zoom).astype(int)  # pixels before the image begins
        limits = np.array(im.shape[:2])
        begin, end = np.clip(begin, 0, limits), np.clip(end, 0, limits)
        extent = np.minimum(np.round((end - begin + 1) * zoom).astype(int), size - pad)
        (y, x), (y_end, x_end) = begin.astype(int), end.astype(int)
        crop = self.crop_mean.copy()
        crop[pad[0]:pad[0] + extent[0], pad[1]:pad[1] + extent[1]] = caffe.io.resize_image(
            im[y:y_end, x:x_end], tuple(extent))
        return crop
