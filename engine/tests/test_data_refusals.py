"""What data layers refuse: while the net is built, naming the layer, and the file and record where there is one."""
import numpy as np
import pytest

import caffe
from caffe.errors import CaffeError
from data_nets import data, datums, folder, images, make_lmdb, make_net  # noqa: F401  a fixture
from test_data import HDF5, IMAGE_LIST


def other_records(*values):
    def change(folder):
        make_lmdb(folder / "other", values)
    return change


def write(name, text):
    def change(folder):
        (folder / name).write_text(text.replace("FOLDER", str(folder)))
    return change


def short_database(folder):
    path = folder / "db" / "data.mdb"
    make_lmdb(folder / "long", datums(images(40, 3, 60, 50)))
    path.write_bytes((folder / "long" / "data.mdb").read_bytes()[:-50000])


OTHER = data().replace("/db", "/other")
DATUM = caffe.proto.caffe_pb2.Datum
PIXELS = caffe.io.array_to_datum(np.zeros((3, 6, 5), np.uint8), 1)
ONE_WINDOW = "# 0\nFOLDER/0.png\n3\n6\n5\n1\n"
WINDOWS = 'transform_param { crop_size: 4 } window_data_param { source: "FOLDER/list" batch_size: 4 %s }'


@pytest.mark.parametrize("layer_type, parameters, change, message", [
    ("Data", data(0), None, "Positive batch_size required"),
    ("Data", OTHER, None, "there is no such folder with an LMDB in it .working directory"),
    ("Data", data().replace("backend: LMDB", ""), None, "db: holds an LMDB; say backend: LMDB"),
    ("Data", OTHER, other_records(), "other/data.mdb: the database is empty"),
    ("Data", OTHER, other_records(b"\x0a\xff"), "other, record 00000000: not a Datum, or a damaged one"),
    ("Data", OTHER, other_records(DATUM(channels=3, height=2, width=2, data=b"1234", label=1).SerializeToString()),
     r"shape is \(3, 2, 2\), but it has 4 values"),
    ("Data", OTHER, other_records(DATUM(encoded=True, data=b"1234", label=1).SerializeToString()),
     "record 00000000: not an image of a format known here"),
    ("Data", data(), short_database, "db/data.mdb: damaged, cut short"),
    ("Data", data(), write("db/data.mdb", "nothing"), "db/data.mdb: damaged, cut short, or no LMDB"),
    ("Data", data(transform="crop_size: 6"), None, "crop_size is 6, but the image is of 6 x 5"),
    ("Data", data(transform="mean_value: 1 mean_value: 2"), None, "Specify either 1 mean_value or as many as channels"),
    ("Data", data(transform='mean_value: 1 mean_file: "FOLDER/list"'), None, "mean_file and mean_value at the same"),
    ("Data", data(transform='mean_file: "FOLDER/none"'), None, "none: No such file"),
    ("Data", data(transform='mean_file: "FOLDER/list"'), None, "list: not a binary BlobProto"),
    ("ImageData", IMAGE_LIST % "batch_size: 0", None, "Positive batch_size required"),
    ("ImageData", IMAGE_LIST % "new_height: 3", None, "new_height and new_width must be set at the same time"),
    ("ImageData", IMAGE_LIST % "rand_skip: 11", None, "rand_skip may skip 11"),
    ("ImageData", IMAGE_LIST % "", write("list", ""), "list: File is empty"),
    ("ImageData", IMAGE_LIST % "", write("list", "no.png 1\n"), "no.png: Could not open or find file"),
    ("ImageData", IMAGE_LIST % "", write("list", "list 1\n"), "list: not an image of a format known here"),
    ("ImageData", (IMAGE_LIST % "").replace("list", "none"), None, "Failed to open source file .*none"),
    ("HDF5Data", "transform_param { } " + HDF5, write("list", "FOLDER/0.h5"), "does not transform data"),
    ("HDF5Data", HDF5, write("list", "\n"), "at least 1 HDF5 filename"),
    ("HDF5Data", HDF5, write("list", "FOLDER/none.h5"), "none.h5: .*No such file"),
    ("HDF5Data", HDF5, write("list", "FOLDER/list"), "list: not what it should be, or damaged"),
    ("WindowData", WINDOWS % "", write("list", ""), "Window file is empty"),
    ("WindowData", WINDOWS % "", write("list", ONE_WINDOW + "0 1 0 0 2"), "damaged at image 0"),
    ("WindowData", WINDOWS % "", write("list", ONE_WINDOW + "0 1 0 0 2 2"), "object's overlap, 1, but label 0"),
    ("WindowData", WINDOWS % "", write("list", ONE_WINDOW + "1 1 0 0 2 2"), "no window has an overlap below bg_thresh"),
    ("WindowData", WINDOWS % "context_pad: 2", None, "context_pad is 2 on each side"),
    ("WindowData", WINDOWS % 'crop_mode: "round"', None, 'crop_mode is "warp" or "square"'),
    ("MemoryData", "memory_data_param { batch_size: 2 channels: 3 height: 2 }", None, "must be specified and positive"),
    ("DummyData", "dummy_data_param { num: 1 channels: 1 height: 1 width: 1 shape { } }", None, "Both shape and legac"),
    ("DummyData", "dummy_data_param { num: 1 channels: 1 height: 1 }", None, "Must specify 'width' once, or once per"),
    ("DummyData", "dummy_data_param { }", None, "Must specify 'shape' once, or once per top"),
    ("DummyData", 'dummy_data_param { shape { dim: 1 } data_filler { type: "none" } }', None, "unknown filler 'none'"),
])
def test_refused_while_the_net_is_built(layer_type, parameters, change, message, folder):
    if change:
        change(folder)
    with pytest.raises(CaffeError, match=r"^layer it \(%s\): .*%s" % (layer_type, message)):
        make_net(folder, parameters, layer_type)


@pytest.mark.parametrize("transform, second, message", [
    ("", caffe.io.array_to_datum(np.zeros((3, 5, 6), np.uint8), 1), r"shape \(3, 5, 6\), but the first of the batch"),
    ("crop_size: 3", caffe.io.array_to_datum(np.zeros((3, 2, 6), np.uint8), 1), "crop_size is 3, but the image is of"),
    ("", DATUM(channels=3, height=6, width=5, label=1), r".*has 0 values"),
])
def test_refused_when_the_record_comes(transform, second, message, folder):
    make_lmdb(folder / "other", [PIXELS.SerializeToString(), second.SerializeToString()])
    net = make_net(folder, data(2, transform).replace("/db", "/other"))
    with pytest.raises(CaffeError, match=r"^layer it \(Data\): .*other, record 00000001: " + message):
        net.forward()
