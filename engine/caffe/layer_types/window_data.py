"""WindowData: windows of images, objects and background, as R-CNN trains on (BVLC window_data_layer.cpp).

The source lists images and their windows, x and y inclusive:

    # IMAGE_INDEX
    PATH
    CHANNELS
    HEIGHT
    WIDTH
    NUMBER_OF_WINDOWS
    CLASS OVERLAP X1 Y1 X2 Y2       a line a window
"""
import math
from collections import namedtuple

import numpy as np

from caffe import images
from caffe.errors import CaffeError
from caffe.layer import layer
from caffe.layer_types.data import BatchLayer, naming, read_lines
from caffe.transform import DataTransformer

Window = namedtuple("Window", "path label x1 y1 x2 y2")


def _round(number):
    """The nearest whole number, halves away from zero, as C rounds."""
    return int(math.copysign(math.floor(abs(number) + .5), number))


@layer("WindowData")
class WindowData(BatchLayer):
    """Each batch: first windows of the background, drawn at random, then objects, fg_fraction of it.

    An object's overlap is at least fg_threshold, the background's below bg_threshold. A window is warped to crop_size x
    crop_size, with context_pad pixels around it; what lies outside of the image is 0. Tops: images and labels, 0 for
    the background. The scale is window_data_param's; mean, mirror and crop_size are transform_param's. cache_images
    changes nothing: the system keeps files in memory by itself.
    """

    tops = 2

    def setup(self, bottom, top):
        p, transform = self.param.window_data_param, self.param.transform_param
        self.crop = transform.crop_size
        self.check(self.crop > 0, "give transform_param { crop_size }, the size that windows are warped to")
        self.check(p.batch_size > 0, "Positive batch_size required")
        self.check(p.crop_mode in ("warp", "square"), "crop_mode is \"warp\" or \"square\", not %r" % p.crop_mode)
        self.check(2 * p.context_pad < self.crop, "context_pad is %d on each side, which leaves nothing of crop_size %d"
                   % (p.context_pad, self.crop))
        with naming(self):
            self.transformer = DataTransformer(transform, self.param.phase)
        self.objects, self.background = [], []
        channels = self._read_windows()
        self.object_count = int(np.float32(p.batch_size) * np.float32(p.fg_fraction))
        self.check(0 <= self.object_count <= p.batch_size, "fg_fraction must be between 0 and 1: %g" % p.fg_fraction)
        for wanted, found, what in ((self.object_count, self.objects, "overlap of at least fg_threshold"),
                                    (p.batch_size - self.object_count, self.background, "overlap below bg_threshold")):
            self.check(found or not wanted, "%s: no window has an %s" % (p.source, what))
        self.mean = self._mean(channels)
        top[0].reshape(p.batch_size, channels, self.crop, self.crop)
        top[1].reshape(p.batch_size)

    def _read_windows(self):
        """Fill self.objects and self.background; returns the images' channels."""
        p = self.param.window_data_param
        words = iter([word for line in read_lines(self, p.source) for word in line.split()])
        paths, wanted, channels = [], [], 0  # wanted: (index of an image, Window without path)
        try:
            for hash_sign in words:
                self.check(hash_sign == "#", "%s: image %d should begin with \"#\", not with %r"
                           % (p.source, len(paths), hash_sign))
                index = int(next(words))
                paths.append(p.root_folder + next(words))
                channels, _, _, count = (int(next(words)) for _ in range(4))
                for _ in range(count):
                    label, overlap = int(next(words)), np.float32(next(words))
                    box = [int(next(words)) for _ in range(4)]
                    if overlap >= p.fg_threshold:
                        self.check(label > 0, "%s: a window of image %d has an object's overlap, %g, but label %d"
                                   % (p.source, index, overlap, label))
                        wanted.append((self.objects, index, label, box))
                    elif overlap < p.bg_threshold:
                        wanted.append((self.background, index, 0, box))
        except (ValueError, StopIteration, RuntimeError) as error:
            if isinstance(error, CaffeError):
                raise
            self.fail("%s: damaged at image %d (%s)" % (p.source, len(paths) - 1, error or "it ends too early"))
        self.check(paths, "%s: Window file is empty" % p.source)
        self.check(channels == 3, "%s: images are read in colour, 3 channels, not %d" % (p.source, channels))
        for windows, index, label, box in wanted:
            self.check(0 <= index < len(paths), "%s: there is no image %d" % (p.source, index))
            windows.append(Window(paths[index], label, *box))
        return channels

    def _mean(self, channels):
        """What to subtract, an array that broadcasts to an image of crop_size, or None."""
        image, values = self.transformer.mean_image, self.transformer.mean_values
        if image is None:
            self.check(len(values) in (0, 1, channels), "Specify either 1 mean_value or as many as channels: %d, not %d"
                       % (channels, len(values)))
            return values if len(values) else None
        self.check(len(image) == channels and min(image.shape[1:]) >= self.crop,
                   "the mean of mean_file has shape %s, the crop is of %d" % (image.shape, self.crop))
        begin = (image.shape[2] - self.crop) // 2  # for the rows, too, as in BVLC's
        self.check(begin + self.crop <= image.shape[1], "the mean of mean_file is too wide for its height: %s"
                   % (image.shape,))
        return image[:, begin:begin + self.crop, begin:begin + self.crop]

    def batch(self, number):
        p = self.param.window_data_param
        random = self.context.random(self, "windows", self.context.of_all(number))
        background_count = p.batch_size - self.object_count
        out = np.zeros((p.batch_size, 3, self.crop, self.crop), np.float32)
        labels = np.empty(p.batch_size, np.float32)
        for i in range(p.batch_size):
            windows = self.background if i < background_count else self.objects
            window = windows[random.randint(len(windows))]
            self._draw(window, self.transformer.mirror and random.randint(2), out[i])
            labels[i] = window.label
        return out, labels

    def _draw(self, window, mirrored, out):
        """Write the window, warped, to its part of `out`."""
        with naming(self, window.path):
            image = images.read(window.path, True)
        x1, width, left, to_width, right = self._span(window, image.shape[2], "x1", "x2")
        y1, height, above, to_height, _ = self._span(window, image.shape[1], "y1", "y2")
        if mirrored:
            left = right
        to_width, to_height = min(to_width, self.crop - left), min(to_height, self.crop - above)
        if to_width < 1 or to_height < 1:
            return
        pixels = images.resize(image[:, y1:y1 + height, x1:x1 + width], to_height, to_width)
        part = slice(None), slice(above, above + to_height), slice(left, left + to_width)
        pixels = pixels[:, :, ::-1] if mirrored else pixels
        if self.mean is not None:
            mean = self.mean if self.mean.shape[1:] == (1, 1) else self.mean[part]
            pixels = pixels - mean
        out[part] = pixels * np.float32(self.param.window_data_param.scale)

    def _span(self, window, size, first, last):
        """Along one axis of an image: where the window begins, its size (both clipped), and in the crop the padding
        before it, what it is warped to, and the padding behind it."""
        p = self.param.window_data_param
        begin, end = getattr(window, first), getattr(window, last)
        if not p.context_pad and p.crop_mode == "warp":
            self.check(0 <= begin <= end < size, "%s: window %s is not within the image" % (window.path, window[2:]))
            return begin, end - begin + 1, 0, self.crop, 0
        # Grown so that after the warp there are context_pad pixels on each side, or to a square first.
        half = np.float32(end - begin + 1) / 2
        centre = np.float32(begin) + half
        if p.crop_mode == "square":
            half = np.float32(max(window.x2 - window.x1 + 1, window.y2 - window.y1 + 1)) / 2
        growth = np.float32(self.crop) / np.float32(self.crop - 2 * p.context_pad)
        begin, end = _round(centre - half * growth), _round(centre + half * growth)
        before, behind = max(0, -begin), max(0, end - size + 1)
        clipped = end - behind - (begin + before) + 1
        self.check(clipped > 0, "%s: window %s is not within the image" % (window.path, window[2:]))
        scale = np.float32(self.crop) / np.float32(end - begin + 1)
        return (begin + before, clipped, *(_round(np.float32(length) * scale) for length in (before, clipped, behind)))
