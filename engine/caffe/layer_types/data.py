"""Layers that bring data: from databases, image files, arrays, or fillers."""
import contextlib
import functools
import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from google.protobuf.message import DecodeError

from caffe import images, log, process, turns
from caffe.db import Cursor, open_database, printable
from caffe.errors import CaffeError
from caffe.fillers import fill
from caffe.layer import Source, layer
from caffe.proto import caffe_pb2
from caffe.transform import DataTransformer


@contextlib.contextmanager
def naming(layer, *where):
    """In a `with`: a CaffeError that does not say where it is from names the layer, and `where`."""
    try:
        yield
    except CaffeError as error:
        layer.fail(": ".join(map(str, (*where, error))))


class BatchLayer(Source):
    """A data layer whose batches are a function of the seed and the batch's number. They are made ahead in a thread."""

    def __init__(self, param, context):
        super().__init__(param, context)
        self.number = 0  # of the next batch
        self._reader = ThreadPoolExecutor(1)  # its thread ends when the layer is gone
        self._ahead = {}  # batch number -> its future
        process.with_threads.add(self)

    def batch(self, number):
        """The tops of the batch of this number: NumPy arrays, float32. Raises CaffeError. Called in the thread."""
        raise NotImplementedError

    def reset_passes(self, passes):
        """Go on with the batch of this number."""
        self.number = passes
        for future in self._ahead.values():
            future.cancel()
        self._ahead = {}

    def wait(self):
        """Until the thread has nothing to do."""
        with contextlib.suppress(RuntimeError):  # it has ended
            self._reader.submit(int).result()

    def renew_threads(self):
        """In a forked child, which has what was made ahead, but no threads."""
        self._reader = ThreadPoolExecutor(1)
        _decoders.cache_clear()

    def forward(self, bottom, top, needs):
        for number in range(self.number, self.number + 1 + self.param.data_param.prefetch):
            if number not in self._ahead:
                self._ahead[number] = self._submit(number)
        tensors = self._result(self.number)
        del self._ahead[self.number]
        for blob, tensor in zip(top, tensors):
            blob.tensor = tensor.to(self.context.device, non_blocking=True)
        self.number += 1

    def _submit(self, number):
        try:
            return self._reader.submit(self._tensors, number)
        except RuntimeError as error:
            self._end_with_the_program(error)
            raise

    def _result(self, number):
        try:
            return self._ahead[number].result()
        except RuntimeError as error:
            self._end_with_the_program(error)
            raise

    def _end_with_the_program(self, error):
        """Wait for the program's end, if an executor says that it is ending, and this thread ends with it."""
        if threading.current_thread().daemon and "shutdown" in str(error):
            with turns.turn(scripts=True):
                threading.Event().wait()

    def _tensors(self, number):
        if not threading.main_thread().is_alive():
            raise RuntimeError("no batches after shutdown")  # nobody wants it
        tensors = [torch.from_numpy(array) for array in self.batch(number)]
        return [tensor.pin_memory() for tensor in tensors] if self.context.device.type != "cpu" else tensors

    def order(self, size, *what):
        """A permutation of 0 .. size - 1, random, for `what`."""
        return _permutation(self.context.entropy(self, "shuffle", *what) % 2 ** 32, size)


@functools.lru_cache(maxsize=8)
def _permutation(seed, size):
    return np.random.RandomState(seed).permutation(size)


@functools.lru_cache(maxsize=1)
def _decoders():
    """The threads in which images are decoded."""
    return ThreadPoolExecutor(min(8, os.cpu_count() or 1))


class ImageBatches(BatchLayer):
    """What Data and ImageData share: images, one after the other, transformed and put together to batches."""

    in_threads = True  # whether `load` is worth several threads

    def prepare(self, batch_size, top):
        """Make the transformer and, by the first image, the shapes of the tops."""
        self.check(batch_size > 0, "Positive batch_size required")
        self.batch_size = batch_size
        with naming(self):
            self.transformer = DataTransformer(self.param.transform_param, self.param.phase)
        item, = self.items(0, 1)
        with naming(self, self.name(item)):
            top[0].reshape(batch_size, *self.transformer.shape(self.load(item)[0].shape))
        if len(top) > 1:
            top[1].reshape(batch_size)

    def items(self, start, count):
        """A list of what `load` takes for the images start .. start + count - 1 of the whole run."""
        raise NotImplementedError

    def load(self, item):
        """The image of an item, K x H x W, uint8 or float32, and its label."""
        raise NotImplementedError

    def name(self, item):
        """What an error says of an item."""
        raise NotImplementedError

    def batch(self, number):
        size = self.batch_size
        draws = self.transformer.draw(self.context.random(self, "transform", self.context.of_all(number)), size)
        rank, ranks = self.context.rank, self.context.ranks  # which takes every so many-th
        items, out, labels = self.items(number * size * ranks, size * ranks)[rank::ranks], None, np.empty(
            size, np.float32)
        load_all = _decoders().map if self.in_threads else map
        for i, (item, (image, label)) in enumerate(zip(items, load_all(self._load, items))):
            with naming(self, self.name(item)):
                if out is None:
                    out = np.empty((size, *self.transformer.shape(image.shape)), np.float32)
                self.transformer.transform(image, draws[i], out[i])
            labels[i] = label
        return out, labels

    def _load(self, item):
        with naming(self, self.name(item)):
            return self.load(item)


@layer("Data")
class Data(ImageBatches):
    """Datums of an LMDB or LevelDB in the order of their keys, round and round (BVLC data_layer.cpp).

    Tops: images, and, if wanted, labels. Batches may differ in shape, the images of one not. rand_skip is ignored, as
    by BVLC's.
    """

    tops = (1, 2)

    def setup(self, bottom, top):
        p = self.param.data_param
        with naming(self):
            self.cursor = Cursor(open_database(p.source, p.backend))
            (_, first), = self.cursor.read(0, 1)
        transform = self.param.transform_param
        self.colour = True if transform.force_color else False if transform.force_gray else None
        self.prepare(p.batch_size, top)
        self.in_threads = caffe_pb2.Datum.FromString(first).encoded
        if not self.in_threads and self.colour is not None:
            log.warning("%s: force_color and force_gray are for encoded images only" % self.param.name)

    def items(self, start, count):
        with naming(self):
            return self.cursor.read(start, count)

    def name(self, item):
        return "%s, record %s" % (self.param.data_param.source, printable(item[0]))

    def load(self, item):
        try:
            datum = caffe_pb2.Datum.FromString(item[1])
        except DecodeError:
            raise CaffeError("not a Datum, or a damaged one") from None
        if datum.encoded:
            if self.param.transform_param.force_color and self.param.transform_param.force_gray:
                raise CaffeError("cannot set both force_color and force_gray")
            return images.decode(datum.data, self.colour), datum.label
        return datum_values(datum), datum.label


def datum_values(datum):
    """The values of a Datum that is not encoded, K x H x W, uint8 or float32. Raises CaffeError if they do not fit."""
    shape = datum.channels, datum.height, datum.width
    count = shape[0] * shape[1] * shape[2]
    found = len(datum.data) or len(datum.float_data)
    if min(shape) < 1 or count != found:
        raise CaffeError("the Datum's shape is %s, but it has %d values" % (shape, found))
    if datum.data:
        return np.frombuffer(datum.data, np.uint8).reshape(shape)
    only = caffe_pb2.Datum()  # on the wire each float has a tag, so that NumPy can take them at once
    only.float_data.MergeFrom(datum.float_data)
    return np.frombuffer(only.SerializeToString(), [("tag", "u1"), ("value", "<f4")])["value"].reshape(shape)


@layer("ImageData")
class ImageData(ImageBatches):
    """Image files named in a list, a line `path label` each, round and round (BVLC image_data_layer.cpp).

    With `shuffle` in a new order each time. Tops: images, labels. Batches may differ in shape, the images of one not.
    """

    tops = 2

    def setup(self, bottom, top):
        p = self.param.image_data_param
        self.check(bool(p.new_height) == bool(p.new_width),
                   "new_height and new_width must be set at the same time: they are %d and %d"
                   % (p.new_height, p.new_width))
        self.lines = list(map(_path_and_label, read_lines(self, p.source)))
        self.check(self.lines, "%s: File is empty" % p.source)
        self.check(p.rand_skip <= len(self.lines), "%s has %d lines, of which rand_skip may skip %d"
                   % (p.source, len(self.lines), p.rand_skip))
        self.prepare(p.batch_size, top)

    def items(self, start, count):
        p = self.param.image_data_param
        if p.rand_skip:
            start += self.context.random(self, "skip").randint(p.rand_skip)
        items = []
        for number in range(start, start + count):
            epoch, position = divmod(number, len(self.lines))
            items.append(self.lines[self.order(len(self.lines), epoch)[position] if p.shuffle else position])
        return items

    def name(self, item):
        return self.param.image_data_param.root_folder + item[0]

    def load(self, item):
        p = self.param.image_data_param
        image = images.read(self.name(item), p.is_color)
        return images.resize(image, p.new_height, p.new_width) if p.new_height else image, item[1]


def read_lines(layer, path):
    """The lines of a text file that the layer names. Raises CaffeError."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            lines = file.read().split("\n")
    except (OSError, ValueError) as error:
        layer.fail("Failed to open source file %s (%s); working directory: %s"
                   % (path, getattr(error, "strerror", error), os.getcwd()))
    return lines if lines[-1] else lines[:-1]


def _path_and_label(line):
    """Of "a b.jpg 3" the path, "a b.jpg", and the label, 3; as in C, what is no number counts as 0."""
    path, space, label = line.rpartition(" ")
    number = re.match(r"\s*[+-]?\d+", label)
    return path if space else line, int(number[0]) if number else 0


@layer("MemoryData")
class MemoryData(Source):
    """Arrays given by `net.set_input_arrays(data, labels)`, which it reads anew at each forward, round and round.

    Tops: data (batch_size x channels x height x width) and labels (batch_size, from the first forward on with three
    more axes of 1). BVLC memory_data_layer.cpp.
    """

    tops = 2

    def setup(self, bottom, top):
        p = self.param.memory_data_param
        self.shape = p.batch_size, p.channels, p.height, p.width
        self.check(min(self.shape) > 0, "batch_size, channels, height, and width must be specified and positive in "
                   "memory_data_param")
        top[0].reshape(*self.shape)
        top[1].reshape(p.batch_size)
        self.arrays, self.number = None, 0

    def set_input_arrays(self, data, labels):
        """Serve these from now on, without copying them. Raises CaffeError.

        N x channels x height x width, and N x 1 x 1 x 1, float32; N is a multiple of batch_size.
        """
        for what, array, shape in ("data", data, self.shape[1:]), ("labels", labels, (1, 1, 1)):
            self.check(isinstance(array, np.ndarray) and array.flags.c_contiguous, what + " array must be C contiguous")
            self.check(array.ndim == 4, what + " array must be 4-d")
            self.check(array.dtype == np.float32, what + " array must be float32")
            for name, found, wanted in zip(("channels", "height", "width"), array.shape[1:], shape):
                self.check(found == wanted, "%s array has wrong number of %s: %d, not %d" % (what, name, found, wanted))
        self.check(len(data) == len(labels), "data and labels must have the same first dimension")
        self.check(len(data) and len(data) % self.shape[0] == 0,
                   "first dimensions of input arrays must be a multiple of batch size")
        if self.param.HasField("transform_param"):
            log.warning("MemoryData does not transform the arrays that it is given")
        self.arrays, self.number = (data, labels), 0

    def reset_passes(self, passes):
        """Go on with the batch of this number."""
        self.number = passes

    def forward(self, bottom, top, needs):
        self.check(self.arrays, "needs to be initialized: call net.set_input_arrays(data, labels)")
        size = self.shape[0]
        begin = self.number * size % len(self.arrays[0])
        for blob, array in zip(top, self.arrays):
            blob.tensor = torch.tensor(array[begin:begin + size], device=self.context.device)
        self.number += 1


@layer("DummyData")
class DummyData(Source):
    """Blobs of given shapes, filled: with constants once, and what is random anew at each forward.

    BVLC dummy_data_layer.cpp.
    """

    tops = (1, None)

    def setup(self, bottom, top):
        p, count = self.param.dummy_data_param, len(top)
        self.fillers = self._one_a_top("data_filler", count) if p.data_filler else [caffe_pb2.FillerParameter()] * count
        if p.num or p.channels or p.height or p.width:
            self.check(not p.shape, "Both shape and legacy fields were specified")
            shapes = zip(*(self._one_a_top(name, count) for name in ("num", "channels", "height", "width")))
        else:
            shapes = (shape.dim for shape in self._one_a_top("shape", count))
        self.number = -1
        for i, (blob, shape) in enumerate(zip(top, shapes)):
            blob.reshape(*shape)
            self._fill(i, blob)
        self.number = 0

    def _one_a_top(self, name, count):
        """The values of a repeated field, one a top."""
        given = getattr(self.param.dummy_data_param, name)
        self.check(len(given) in (1, count), "Must specify '%s' once, or once per top blob (%d), not %d times"
                   % (name, count, len(given)))
        return list(given) * (count if len(given) == 1 else 1)

    def _fill(self, index, blob):
        with naming(self):
            fill(blob, self.fillers[index], self.context.generator(self, "fill", index, self.number))

    def reset_passes(self, passes):
        """Go on with the batch of this number."""
        self.number = passes

    def forward(self, bottom, top, needs):
        for i, blob in enumerate(top):
            if self.fillers[i].type != "constant":
                self._fill(i, blob)
        self.number += 1
