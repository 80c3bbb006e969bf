"""Windows of a video's frames, a frame and those before it, for a net that regresses a frame from its past.

A window's images are the channels of one sample, the oldest first: (window x channels) x height x width. It never goes
over the edge of a video; the first frames of one are padded with its first frame. Its label is its last frame's.

A fold's train_lmdb is thinned and shuffled, so windows come from the val_lmdb of other folds: all frames of a subject,
video by video. Sample g of a training is window g of an order of all windows, shuffled anew each time through. A batch
is a function of the seed and the batch's number alone, which is the layer's blob, as in balanced_data.py.

    layer { name: "windows" type: "Python" top: "pixels" top: "label"
      param { lr_mult: 0 decay_mult: 0 }
      python_param { module: "layers.video_windows" layer: "TrainingWindowsLayer"
        param_str: "{'source': 'train_lmdb', 'window': 8, 'batch_size': 32, 'mirror': True, 'seed': 1}" } }
"""
import functools
import os
from pathlib import Path

import caffe
import numpy as np
from caffe.proto import caffe_pb2
from google.protobuf.message import DecodeError

from layers import check_blobs, parse_param_str, show_errors
from layers.balanced_data import BalancedDataLayer, Lmdb, LmdbError


@show_errors
class TrainingWindowsLayer(BalancedDataLayer):
    """No bottoms. Tops: windows (B x window channels x height x width), label (B). Blob: batches made (1).

    source: the train_lmdb of the fold that is trained; the windows are of the folds beside it.
    """

    def make_batches(self):
        params = parse_param_str(self, required=("source", "window", "batch_size"), optional=("mirror", "seed"))
        return Windows(others(params.pop("source")), **dict({"seed": 1}, **params))


@show_errors
class WindowsLayer(caffe.Layer):
    """The same for testing: the windows of the LMDB `source`, in its order, and round again. No blob."""

    def setup(self, bottom, top):
        check_blobs(self, bottom, top, bottoms=0, tops=2)
        params = parse_param_str(self, required=("source", "window", "batch_size"))
        self.batches, self.number = Windows([params.pop("source")], **params), 0

    reshape = BalancedDataLayer.reshape

    def forward(self, bottom, top):
        top[0].data[...], top[1].data[...] = self.batches.batch(self.number)
        self.number += 1

    def backward(self, top, propagate_down, bottom):
        pass


def others(source):
    """The val_lmdb folders of the folds beside that of the LMDB `source`, its links followed."""
    fold = Path(os.path.realpath(source)).parent
    found = [str(path) for path in sorted(fold.parent.glob("[0-9]*-*/val_lmdb")) if path.parent != fold]
    if not found:
        raise ValueError("video_windows: %s: no other folds beside this one; make them with `make folds`" % source)
    return found


class Windows:
    """The batches of windows of some LMDBs' frames, by number.

    sources: the LMDBs' folders; window: frames; seed: of the order, or None for the LMDBs' own.
    Raises ValueError when an LMDB is missing or corrupt, or the frames are no raw 8-bit Datums of one shape.
    """

    def __init__(self, sources, window, batch_size, mirror=False, seed=None):
        for name, value in ("window", window), ("batch_size", batch_size):
            if not (isinstance(value, int) and value > 0):
                raise ValueError("video_windows: %s must be a positive integer, not %r" % (name, value))
        self.window, self.batch_size, self.mirror, self.seed = window, batch_size, mirror, seed
        self.frames, self.first = [], []  # (LMDB, key) of each, and the number of its video's first
        shapes = set()
        for source in sources:
            try:
                shapes |= self._scan(Lmdb(source))
            except (LmdbError, DecodeError) as error:
                raise ValueError("video_windows: %s: no LMDB of Datums, or damaged (%s); remove it and run `make folds`"
                                 % (source, error)) from error
        if len(shapes) != 1 or None in shapes:
            raise ValueError("video_windows: %s: not raw 8-bit pixels, all of one shape" % ", ".join(sources))
        self.channels, *size = shapes.pop()
        self.shape = (self.window * self.channels, *size)

    def _scan(self, database):
        """Take in an LMDB's frames. Returns the set of their shapes, with None for what is no raw image."""
        shapes, video = set(), None
        for key, value in database.records():
            datum = caffe_pb2.Datum.FromString(value)
            shape = datum.channels, datum.height, datum.width
            shapes.add(shape if len(datum.data) == np.prod(shape) and not datum.encoded else None)
            before, video = video, key.partition(b"_")[2].rpartition(b"/")[0]  # NNNNNNNN_subject/video/frame.png
            self.first.append(len(self.frames) if video != before else self.first[-1])
            self.frames.append((database, key))
        return shapes

    def batch(self, number):
        """Batch `number`: windows (B x window channels x height x width, float32) and labels (B, float32)."""
        images, labels = np.empty((self.batch_size, *self.shape), np.float32), np.empty(self.batch_size, np.float32)
        flip = np.random.RandomState([self.seed or 0, number]).randint(2, size=self.batch_size) * self.mirror
        for i in range(self.batch_size):
            round, position = divmod(number * self.batch_size + i, len(self.frames))
            last = position if self.seed is None else _order(self.seed, round, len(self.frames))[position]
            for place in range(self.window):
                frame = max(last - self.window + 1 + place, self.first[last])
                image, labels[i] = self.read(frame)
                images[i, place * self.channels:(place + 1) * self.channels] = image[:, :, ::-1] if flip[i] else image
        return images, labels

    def read(self, frame):
        """The image, (channels, height, width) uint8, and the label of frame number `frame`."""
        database, key = self.frames[frame]
        datum = caffe_pb2.Datum.FromString(database.get(key))
        return np.frombuffer(datum.data, np.uint8).reshape(self.channels, *self.shape[1:]), datum.label


@functools.lru_cache(maxsize=4)
def _order(seed, round, size):
    """The order, a permutation, in which the windows are taken for the given time through."""
    return np.random.RandomState([seed, round]).permutation(size)
