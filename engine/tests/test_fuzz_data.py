"""Damaged records, databases and images: a CaffeError of one line, or a batch of finite numbers; nothing else."""
import io

import h5py
import lmdb
import numpy as np
import pytest
from PIL import Image

import caffe
from caffe import images
from caffe.db import Lmdb
from caffe.errors import CaffeError
from data_nets import make_lmdb, make_net
from mutations import mutated

MUTATIONS = 1000


def outcome(function):
    """What function() returns, or None if it raises a CaffeError, which must be one short line."""
    try:
        return function()
    except CaffeError as error:
        assert "\n" not in str(error) and len(str(error)) < 600
        return None


def encoded(random, file_format):
    file = io.BytesIO()
    Image.fromarray(random.randint(0, 256, (9, 7, 3)).astype(np.uint8)).save(file, file_format)
    return file.getvalue()


def records(random):
    """A raw Datum, one of floats, and one that is an image."""
    pixels = random.randint(0, 256, (3, 4, 5))
    yield caffe.io.array_to_datum(pixels.astype(np.uint8), 3)
    yield caffe.io.array_to_datum(pixels / 7., 2)
    yield caffe.proto.caffe_pb2.Datum(data=encoded(random, "PNG"), encoded=True, label=1)


@pytest.mark.parametrize("kind", range(3))
def test_damaged_record(kind, tmp_path):
    random = np.random.RandomState(kind)
    whole = list(records(random))[kind].SerializeToString()
    make_lmdb(tmp_path / "db", [mutated(whole, random) for _ in range(MUTATIONS)])
    make_lmdb(tmp_path / "whole", [whole])
    layer = make_net(tmp_path, 'data_param { source: "FOLDER/whole" backend: LMDB batch_size: 1 }').nodes[0].layer
    layer.cursor.database = Lmdb(tmp_path / "db")
    batches = [outcome(lambda number=number: layer.batch(number)) for number in range(MUTATIONS)]
    read = [batch for batch in batches if batch]
    assert MUTATIONS / 100 < len(read) < MUTATIONS * 9 / 10  # a PNG's checksums find most
    for image, label in read:
        assert image.ndim == 4 and image.size and label.shape == (1,)


def test_damaged_database(tmp_path):
    """What can be read of a database with a damaged page is what the library lmdb would have read of the whole one."""
    random = np.random.RandomState(0)
    make_lmdb(tmp_path / "db", [random.bytes(random.choice([10, 100, 3000, 9000])) for _ in range(150)])
    with lmdb.open(str(tmp_path / "db"), readonly=True, lock=False) as environment, environment.begin() as transaction:
        expected = dict(transaction.cursor())
    keys, whole = list(expected), (tmp_path / "db" / "data.mdb").read_bytes()
    damaged, refused = tmp_path / "damaged", 0
    damaged.mkdir()
    for i in range(MUTATIONS):
        data = bytearray(whole)
        for _ in range(random.choice([1, 4])):
            page = random.choice([0, 1, random.randint(len(whole) // 4096)])
            place = page * 4096 + random.choice([random.randint(160), random.randint(4096)])
            data[place] = random.randint(256)
        (damaged / "data.mdb").write_bytes(mutated(whole, random) if i % 4 == 0 else data)
        found = outcome(lambda: list(Lmdb(damaged).records()))
        value = outcome(lambda: Lmdb(damaged).get(keys[random.randint(len(keys))]))
        assert value is None or isinstance(value, bytes)
        refused += found is None
        assert found is None or len(found) == len(expected)
        if found and i % 4:  # one byte or four differ, each in one record's value, or in one's key
            assert sum(expected.get(key) != value for key, value in found) <= 4
    assert MUTATIONS / 10 < refused < MUTATIONS


@pytest.mark.filterwarnings("ignore")  # Pillow's
@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "BMP", "TIFF", "PPM"])
def test_damaged_image(file_format):
    random = np.random.RandomState(0)
    whole, read = encoded(random, file_format), 0
    for i in range(MUTATIONS // 2):
        image = outcome(lambda color=[None, True, False][i % 3]: images.decode(mutated(whole, random), color))
        if image is not None:
            read += 1
            assert image.dtype == np.uint8 and image.ndim == 3 and image.size
            assert i % 3 == 0 or len(image) == (3 if i % 3 == 1 else 1)
    assert 0 < read < MUTATIONS // 2


SOURCES = {  # layer type: its parameters
    "ImageData": 'image_data_param { source: "FOLDER/damaged" root_folder: "FOLDER/" batch_size: 2 shuffle: true }',
    "WindowData": 'window_data_param { source: "FOLDER/damaged" root_folder: "FOLDER/" batch_size: 2 fg_fraction: 0.5 }'
                  "transform_param { crop_size: 4 }",
    "HDF5Data": 'hdf5_data_param { source: "FOLDER/h5s" batch_size: 2 shuffle: true }',
    "Data": 'data_param { source: "FOLDER/db" backend: LMDB batch_size: 1 }'
            'transform_param { mean_file: "FOLDER/damaged" }',
}


def write_whole(kind, folder, random):
    """Write what the layer reads. Returns the bytes of the file that is to be damaged."""
    for name in "a", "b", "c":
        (folder / name).write_bytes(encoded(random, "PNG"))
    (folder / "h5s").write_text("%s\n" % (folder / "damaged"))
    with h5py.File(folder / "h5", "w") as file:
        file.create_dataset("y0", data=random.uniform(size=(6, 3)), chunks=(2, 3), compression="gzip")
        file["y1"] = np.arange(6)
    make_lmdb(folder / "db", [caffe.io.array_to_datum(random.randint(0, 256, (3, 4, 5)).astype(np.uint8), 1)
                              .SerializeToString()])
    windows = "".join("# %d\n%s\n3\n9\n7\n2\n1 0.9 0 0 5 6\n0 0.1 2 3 6 7\n" % (i, "abc"[i]) for i in range(3))
    return {"ImageData": b"a 0\nb 1\nc 2\n", "WindowData": windows.encode(), "HDF5Data": (folder / "h5").read_bytes(),
            "Data": caffe.io.array_to_blobproto(np.ones((1, 3, 4, 5))).SerializeToString()}[kind]


@pytest.mark.parametrize("kind", SOURCES)
def test_damaged_source(kind, tmp_path, monkeypatch):
    """Image lists, window files, HDF5 files and mean images."""
    monkeypatch.setenv("GLOG_minloglevel", "2")
    monkeypatch.chdir(tmp_path)
    random, read = np.random.RandomState(0), 0
    whole = write_whole(kind, tmp_path, random)

    def run():
        net = make_net(tmp_path, SOURCES[kind], kind)
        net.forward()
        return net
    for _ in range(MUTATIONS):
        (tmp_path / "damaged").write_bytes(mutated(whole, random))
        net = outcome(run)
        if net is not None:
            read += 1
            assert len(net.blobs["y0"].data) == len(net.blobs["y1"].data) == (1 if kind == "Data" else 2)
    assert MUTATIONS / 50 < read < MUTATIONS * 9 / 10
