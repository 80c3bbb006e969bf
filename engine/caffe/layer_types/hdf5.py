"""Layers that read and write HDF5 files."""
import bisect

import numpy as np

from caffe.errors import CaffeError
from caffe.layer import Layer, layer
from caffe.layer_types.data import BatchLayer, naming, read_lines
from caffe.serialize import hdf5_file


@layer("HDF5Data")
class HDF5Data(BatchLayer):
    """Rows of the HDF5 files named in a list, round and round (BVLC hdf5_data_layer.cpp).

    A top is the dataset of its name, numbers of any type. With `shuffle` the files, and the rows of each, come in a new
    order each time.
    """

    tops = (1, None)

    def setup(self, bottom, top):
        p = self.param.hdf5_data_param
        self.check(not self.param.HasField("transform_param"), "HDF5Data does not transform data")
        self.check(p.batch_size > 0, "Positive batch_size required")
        self.paths = [path for line in read_lines(self, p.source) for path in line.split()]
        self.check(self.paths, "Must have at least 1 HDF5 filename listed in %s" % p.source)
        shapes = [self._shapes(path) for path in self.paths]
        for path, found in zip(self.paths, shapes):
            for name, shape, first in zip(self.param.top, found, shapes[0]):
                self.check(shape[1:] == first[1:], "%s: a row of %s has shape %s; in %s it is %s"
                           % (path, name, shape[1:], self.paths[0], first[1:]))
        self.rows = [found[0][0] for found in shapes]  # of each file
        for blob, shape in zip(top, shapes[0]):
            blob.reshape(p.batch_size, *shape[1:])
        self._loaded = None, None  # number of a file, and its arrays

    def _shapes(self, path):
        """The shapes of the datasets for the tops."""
        with naming(self), hdf5_file(path) as file:
            shapes = [file[name].shape for name in self.param.top]
            kinds = [file[name].dtype.kind for name in self.param.top]
        for name, shape, kind in zip(self.param.top, shapes, kinds):
            self.check(kind in "fiu", "%s: %s is not of numbers" % (path, name))
            self.check(shape, "%s: Input must have at least 1 axis: %s" % (path, name))
        self.check(len({shape[0] for shape in shapes}) == 1 and shapes[0][0],
                   "%s: %s have %s rows; they must be as many, and at least 1"
                   % (path, ", ".join(self.param.top), ", ".join(str(shape[0]) for shape in shapes)))
        return shapes

    def _arrays(self, file_number):
        """All of a file, float32."""
        if self._loaded[0] != file_number:
            self._loaded = None, None  # one at a time
            with naming(self), hdf5_file(self.paths[file_number]) as file:
                arrays = [file[name][...].astype(np.float32, copy=False) for name in self.param.top]
            self._loaded = file_number, arrays
        return self._loaded[1]

    def batch(self, number):
        p = self.param.hdf5_data_param
        size, parts = p.batch_size * self.context.ranks, []
        begin, missing = number * size, size
        while missing:
            epoch, begin_in_epoch = divmod(begin, sum(self.rows))
            files = self.order(len(self.rows), epoch) if p.shuffle else range(len(self.rows))
            ends = np.cumsum([self.rows[file_number] for file_number in files])
            place = bisect.bisect_right(ends, begin_in_epoch)
            file_number = files[place]
            first = self.rows[file_number] - (ends[place] - begin_in_epoch)
            rows = slice(first, first + missing)
            if p.shuffle:
                rows = self.order(self.rows[file_number], epoch, file_number)[rows]
            parts.append([array[rows] for array in self._arrays(file_number)])
            begin, missing = begin + len(parts[-1][0]), missing - len(parts[-1][0])
        return [np.concatenate(arrays)[self.context.rank::self.context.ranks] for arrays in zip(*parts)]


@layer("HDF5Output")
class HDF5Output(Layer):
    """Writes its two bottoms to the datasets `data` and `label` of an HDF5 file, made anew with the net.

    Each forward adds its rows, and closes the file, so that it can be read at any time. (BVLC's aborts at the second.)
    The datasets have four axes, always, as BVLC's.
    """

    bottoms, tops = 2, 0
    capturable = False

    def setup(self, bottom, top):
        self.path = self.param.hdf5_output_param.file_name
        self.check(self.path, "give hdf5_output_param { file_name }")
        with naming(self), hdf5_file(self.path, "w"):
            pass

    def reshape(self, bottom, top):
        self.check(bottom[0].num == bottom[1].num, "the bottoms must have as many items: %d and %d"
                   % (bottom[0].num, bottom[1].num))

    def forward(self, bottom, top, needs):
        with naming(self), hdf5_file(self.path, "r+") as file:
            for name, blob in zip(("data", "label"), bottom):
                rows = blob.tensor.float().cpu().numpy().reshape(blob.num, blob.channels, blob.height, blob.width)
                if name not in file:
                    file.create_dataset(name, data=rows, maxshape=(None, *rows.shape[1:]), chunks=True)
                    continue
                if file[name].shape[1:] != rows.shape[1:]:
                    raise CaffeError("%s: %s has rows of shape %s, now they have %s"
                                     % (self.path, name, file[name].shape[1:], rows.shape[1:]))
                begin = len(file[name])
                file[name].resize(begin + len(rows), axis=0)
                file[name][begin:] = rows

    def backward(self, top, propagate_down, bottom, tape):
        pass
