"""Databases and images, and nets of one data layer that read them."""
import h5py
import lmdb
import numpy as np
import pytest
from PIL import Image

import caffe


def make_net(folder, parameters, layer_type="Data", tops=2, phase=caffe.TRAIN):
    """A net of one data layer, in whose parameters FOLDER stands for the folder."""
    (folder / "net.prototxt").write_text('layer { name: "it" type: "%s" %s %s }' % (
        layer_type, " ".join('top: "y%d"' % i for i in range(tops)), parameters.replace("FOLDER", str(folder))))
    return caffe.Net(str(folder / "net.prototxt"), phase)


def make_lmdb(folder, values):
    """An LMDB of these values, bytes."""
    with lmdb.open(str(folder), map_size=1 << 27) as environment, environment.begin(write=True) as transaction:
        for i, value in enumerate(values):
            transaction.put(b"%08d" % i, value)


def images(count, *shape):
    return np.random.RandomState(0).randint(0, 256, (count, *shape)).astype(np.uint8)


def datums(arrays):
    return [caffe.io.array_to_datum(array, i).SerializeToString() for i, array in enumerate(arrays)]


def batches(net, count, what="y0"):
    found = []
    for _ in range(count):
        net.forward()
        found.append(net.blobs[what].data.copy())
    return found


def data(batch_size=4, transform="", **more):
    more = " ".join("%s: %s" % field for field in more.items())
    return 'transform_param { %s } data_param { source: "FOLDER/db" backend: LMDB batch_size: %d %s }' % (
        transform, batch_size, more)


@pytest.fixture
def folder(tmp_path):
    """A folder with a database of 10 images of 3 x 6 x 5, image files of them, a list, and HDF5 files."""
    pixels = images(10, 3, 6, 5)
    make_lmdb(tmp_path / "db", datums(pixels))
    for i, image in enumerate(pixels):
        Image.fromarray(image[::-1].transpose(1, 2, 0)).save(tmp_path / ("%d.png" % i))
    (tmp_path / "list").write_text("".join("%d.png %d\n" % (i, i) for i in range(10)))
    for i, rows in enumerate([3, 1, 4]):
        with h5py.File(tmp_path / ("%d.h5" % i), "w") as file:
            file["y0"] = 10 * i + np.arange(rows * 2.).reshape(rows, 2)
            file["y1"] = 10 * i + np.arange(rows)
    (tmp_path / "h5s").write_text("".join("%s/%d.h5\n" % (tmp_path, i) for i in range(3)))
    (tmp_path / "windows").write_text("# 0\n%s\n3\n6\n5\n4\n%s" % (tmp_path / "0.png", "".join(
        "%d %g %d 0 4 5\n" % (i % 2, i % 2, i) for i in range(4))))
    return tmp_path
