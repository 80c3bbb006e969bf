"""Class-balanced batches from an LMDB of Datums (section 3.3 of the paper: every class equally often).

Sample g of the whole run (batch i of size B holds g = i B .. i B + B - 1) is of class g mod C, so that a batch is
balanced to within one. A class's samples are taken without replacement, in an order shuffled anew each time through.

A batch is a function of the seed and the batch's number alone. The number of batches made so far is the layer's blob:
a snapshot saves it with the weights, so that a resumed run goes on with the batch that would have come next. Of
several processes that train together (`-gpu 0,1`) each makes every so many-th.

    layer { name: "data" type: "Python" top: "pixels" top: "label"
      param { lr_mult: 0 decay_mult: 0 }
      python_param { module: "layers.balanced_data" layer: "BalancedDataLayer"
        param_str: "{'source': 'train_lmdb', 'batch_size': 64, 'classes': 6, 'mirror': True, 'seed': 1}" } }

Optional: 'mean' (a number, or one a channel), 'scale': (pixel - mean) * scale. The batches ahead are made in a thread;
BVLC's Caffe keeps Python's interpreter lock while it computes, so there the thread runs when Python runs.
"""
import concurrent.futures
import functools
import os

import caffe
import numpy as np
from caffe.proto import caffe_pb2
from google.protobuf.message import DecodeError

from layers import check_blobs, parse_param_str, show_errors

try:
    from caffe.db import Lmdb  # to which no damage is a crash
    from caffe.errors import CaffeError as LmdbError
except ImportError:  # genuine Caffe
    from layers.library_lmdb import Lmdb, LmdbError

BATCHES_AHEAD = 3


@show_errors
class BalancedDataLayer(caffe.Layer):
    """No bottoms. Tops: images (B x channels x height x width), label (B). Blob: batches made (1)."""

    def setup(self, bottom, top):
        check_blobs(self, bottom, top, bottoms=0, tops=2)
        self.batches = self.make_batches()
        self.blobs.add_blob(1)
        self.blobs[0].data[...] = 0
        self.reader = concurrent.futures.ThreadPoolExecutor(max_workers=1)
        self.ahead = {}  # batch number -> its future

    def make_batches(self):
        """What gives batches by their number, as `param_str` says."""
        params = parse_param_str(self, required=("source", "batch_size", "classes"),
                                 optional=("mirror", "mean", "scale", "seed"))
        for name in "batch_size", "classes":
            if not (isinstance(params[name], int) and params[name] > 0):
                raise ValueError("BalancedDataLayer: %s must be a positive integer, not %r" % (name, params[name]))
        return BalancedBatches(**params)

    def reshape(self, bottom, top):
        top[0].reshape(self.batches.batch_size, *self.batches.shape)
        top[1].reshape(self.batches.batch_size)

    def forward(self, bottom, top):
        made, ranks = int(self.blobs[0].data[0]), caffe.solver_count()  # of all processes that train together
        number = made + caffe.solver_rank()
        self.ahead = {n: self.ahead[n] if n in self.ahead else self.reader.submit(self.batches.batch, n)
                      for n in range(number, number + 1 + BATCHES_AHEAD * ranks, ranks)}
        top[0].data[...], top[1].data[...] = self.ahead[number].result()
        self.blobs[0].data[0] = made + ranks

    def backward(self, top, propagate_down, bottom):
        pass


class BalancedBatches:
    """The batches of an LMDB's samples, by number.

    source: folder of the LMDB; mean: number or one a channel; the rest as above.
    Raises ValueError when the LMDB is missing or corrupt, holds no raw 8-bit Datums of one shape, has a label outside
    0..classes-1, or none of some class.
    """

    def __init__(self, source, batch_size, classes, mirror=False, mean=0, scale=1, seed=1):
        self.batch_size, self.classes, self.mirror, self.seed = batch_size, classes, mirror, seed
        self.mean, self.scale = np.float32(mean).reshape(-1, 1, 1), np.float32(scale)
        self.source = source
        if not os.path.exists(os.path.join(source, "data.mdb")):
            raise ValueError("BalancedDataLayer: %s: no LMDB here (working directory %s); `make folds` makes them"
                             % (source, os.getcwd()))
        try:
            self.database = Lmdb(source)
            self.keys, self.shape = self._scan()
        except (LmdbError, DecodeError) as error:
            raise ValueError("BalancedDataLayer: %s: damaged, or no LMDB of Datums (%s); remove it and run `make folds`"
                             % (source, error)) from error
        if len(self.mean) not in (1, self.shape[0]):
            raise ValueError("BalancedDataLayer: mean takes 1 or %d numbers, not %d" % (self.shape[0], len(self.mean)))

    def _scan(self):
        """The keys of each class, a list of bytes a class, in the LMDB's order, and the images' shape."""
        keys, shapes = [[] for _ in range(self.classes)], set()
        for key, value in self.database.records():
            datum = caffe_pb2.Datum.FromString(value)
            where = "BalancedDataLayer: %s: %s" % (self.source, key.decode("utf-8", "replace"))
            if not 0 <= datum.label < self.classes:
                raise ValueError("%s: label %d is outside 0..%d" % (where, datum.label, self.classes - 1))
            shape = datum.channels, datum.height, datum.width
            if datum.encoded or len(datum.data) != np.prod(shape) or len(shapes | {shape}) > 1:
                raise ValueError("%s: not raw 8-bit pixels of the same shape as the others" % where)
            shapes.add(shape)
            keys[datum.label].append(key)
        empty = [label for label, of_class in enumerate(keys) if not of_class]
        if empty:
            raise ValueError("BalancedDataLayer: %s: no sample of class %s, so no batch can be balanced"
                             % (self.source, ", ".join(map(str, empty))))
        return keys, shapes.pop()

    def key(self, g):
        """The LMDB key of sample g of the run, and its class."""
        label = g % self.classes
        keys = self.keys[label]
        round, position = divmod(g // self.classes, len(keys))
        return keys[_order(self.seed, label, round, len(keys))[position]], label

    def batch(self, number):
        """Batch `number`: images (B x channels x height x width, float32) and labels (B, float32)."""
        images = np.empty((self.batch_size,) + self.shape, np.float32)
        labels = np.empty(self.batch_size, np.float32)
        flip = np.random.RandomState([self.seed, number]).randint(2, size=self.batch_size) * self.mirror
        for i in range(self.batch_size):
            key, labels[i] = self.key(number * self.batch_size + i)
            datum = caffe_pb2.Datum.FromString(self.database.get(key))
            image = np.frombuffer(datum.data, np.uint8).reshape(self.shape)
            images[i] = image[:, :, ::-1] if flip[i] else image
        if self.mean.any() or self.scale != 1:
            images = (images - self.mean) * self.scale
        return images, labels


@functools.lru_cache(maxsize=64)
def _order(seed, label, round, size):
    """The order, a permutation, in which the samples of a class are taken for the given time through."""
    return np.random.RandomState([seed, label, round]).permutation(size)
