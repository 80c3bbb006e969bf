"""Pictures with and without faces, and the geometry of aligned ones, worked out in another way than align() does."""
import concurrent.futures
import contextlib
from unittest import mock

import numpy as np
import skimage.data
import skimage.transform
from PIL import Image
from scipy.optimize import least_squares

from pain.pieces import where

# caffe-face's points, whose first pixel is 1.
TEMPLATE = np.array([[30.2946 - 1, 51.6963 - 1], [65.5318 - 1, 51.5014 - 1], [48.0252 - 1, 71.7366 - 1],
                     [33.5493 - 1, 92.3655 - 1], [62.7299 - 1, 92.2041 - 1]])


class AtOnce(concurrent.futures.Executor):
    """Does at once, in this process, what it is given."""

    def submit(self, function, *arguments):
        future = concurrent.futures.Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


def workers_here():
    """A patch by which faces are looked for in this process: each worker would load TensorFlow, for five seconds."""
    @contextlib.contextmanager
    def here(jobs, start, arguments, method):
        start(*arguments)
        yield AtOnce()
    return mock.patch.object(where, "workers", here)


def resized(image, height, width):
    return np.round(skimage.transform.resize(image, (height, width), preserve_range=True)).astype(np.uint8)


ASTRONAUT = resized(skimage.data.astronaut()[20:215, 90:350], 240, 320)
FACELESS = np.random.RandomState(0).randint(100, 156, (240, 320, 1)).astype(np.uint8).repeat(3, axis=2)


def on_grey(height, width, *images):
    """A grey image with smaller ones, (top, left, image), laid upon it."""
    canvas = np.full((height, width, 3), 128, np.uint8)
    for top, left, image in images:
        canvas[top:top + image.shape[0], left:left + image.shape[1]] = image
    return canvas


def similarity(parameters, points):
    """`points` (N, 2), scaled and turned by a, b and moved by x, y."""
    a, b, x, y = parameters
    return np.stack([a * points[:, 0] - b * points[:, 1] + x, b * points[:, 0] + a * points[:, 1] + y], axis=1)


def fit(landmarks):
    """The parameters of the similarity that brings `landmarks` nearest to the template, in the sum of squares."""
    return least_squares(lambda parameters: (similarity(parameters, landmarks) - TEMPLATE).ravel(), [1, 0, 0, 0],
                         x_scale="jac", xtol=1e-12, ftol=1e-12).x


def distances(some, others):
    return np.linalg.norm(some - others, axis=1)


def saved(path, pixels):
    """Write the pixels as an image file; its path."""
    Image.fromarray(pixels).save(str(path))
    return path


def picture(people, name, i):
    """A picture, a PIL image, of those that the fixture `people` draws."""
    return Image.open(str(people / name / ("%s_%04d.png" % (name, i))))
