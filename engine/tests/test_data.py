"""The data layers beyond parity: refusals, randomness, resuming, threads; and databases against their own libraries."""
import gc
import os
import subprocess
import sys
import textwrap
import threading
import time

import h5py
import lmdb
import numpy as np
import pytest

import caffe
from caffe.db import Lmdb
from caffe.errors import CaffeError
from data_nets import batches, data, datums, folder, images, make_lmdb, make_net  # noqa: F401  a fixture
from genuine import PATIENCE

# What is random.

def test_mirror_and_crop_give_each_of_what_they_may(folder):
    pixels = images(10, 3, 6, 5).astype(np.float32)
    net, seen = make_net(folder, data(10, "crop_size: 4 mirror: true mean_value: 3 scale: 0.5")), set()
    for batch in batches(net, 40):
        for image, original in zip(batch, pixels):
            fits = [(y, x, flip) for y in range(3) for x in range(2) for flip in (1, -1)
                    if np.array_equal(image, (original[:, y:y + 4, x:x + 4][:, :, ::flip] - 3) * .5)]
            assert len(fits) == 1
            seen.update(fits)
    assert len(seen) == 3 * 2 * 2


def test_mirror_mirrors_after_the_mean_image(folder):
    mean = images(1, 3, 6, 5) / 7
    (folder / "mean").write_bytes(caffe.io.array_to_blobproto(mean).SerializeToString())
    net = make_net(folder, data(10, 'mirror: true mean_file: "FOLDER/mean"'))
    straight = images(10, 3, 6, 5) - mean.astype(np.float32)
    mirrored = [next(flip for flip in (1, -1) if np.allclose(image[:, :, ::flip], expected, atol=1e-4))
                for image, expected in zip(batches(net, 1)[0], straight)]
    assert set(mirrored) == {1, -1}


IMAGE_LIST = 'transform_param { mirror: true } image_data_param { source: "FOLDER/list" root_folder: "FOLDER/" %s }'
RANDOM = {"Data": data(4, "crop_size: 3 mirror: true"),
          "ImageData": IMAGE_LIST % "batch_size: 4 shuffle: true rand_skip: 5",
          "HDF5Data": 'hdf5_data_param { source: "FOLDER/h5s" batch_size: 3 shuffle: true }',
          "WindowData": 'transform_param { crop_size: 4 mirror: true } window_data_param { source: "FOLDER/windows" '
                        'batch_size: 5 fg_fraction: 0.4 }',
          "DummyData": 'dummy_data_param { shape { dim: 3 dim: 2 } data_filler { type: "gaussian" std: 1 } }'}


@pytest.mark.parametrize("layer_type", RANDOM)
def test_batches_are_a_function_of_seed_and_number(layer_type, folder):
    def net(seed):
        caffe.set_random_seed(seed)
        return make_net(folder, RANDOM[layer_type], layer_type)

    whole, other = batches(net(3), 9), batches(net(4), 9)
    assert len({batch.tobytes() for batch in whole}) > 5
    assert not all(map(np.array_equal, whole, other))
    resumed = net(3)
    for passes in 5, 0, 8, 2:
        resumed.reset_passes(passes)
        for found, expected in zip(batches(resumed, 3), whole[passes:]):
            assert np.array_equal(found, expected)
    reseeded = net(4)
    batches(reseeded, 2)
    reseeded.context.seed = 3  # as a solver does that is restored
    reseeded.reset_passes(1)
    assert np.array_equal(batches(reseeded, 1)[0], whole[1])


def test_shuffle_takes_each_once_an_epoch(folder):
    net = make_net(folder, IMAGE_LIST % "batch_size: 5 shuffle: true", "ImageData")
    epochs = np.reshape(batches(net, 8, "y1"), (4, 10)).astype(int)
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4


def test_hdf5_shuffle_takes_each_once_an_epoch_a_file_at_a_time(folder):
    net = make_net(folder, 'hdf5_data_param { source: "FOLDER/h5s" batch_size: 8 shuffle: true }', "HDF5Data")
    orders = set()
    for _ in range(6):
        net.forward()
        rows = net.blobs["y1"].data
        assert sorted(rows) == [0, 1, 2, 10, 20, 21, 22, 23]
        assert np.array_equal(net.blobs["y0"].data[:, 0] % 10, 2 * (rows % 10))
        files = rows // 10
        assert np.count_nonzero(np.diff(files)) == 2
        orders.add(tuple(rows))
    assert len(orders) > 3


def test_rand_skip_skips_fewer(folder):
    starts = set()
    for seed in range(30):
        caffe.set_random_seed(seed)
        net = make_net(folder, IMAGE_LIST % "rand_skip: 3", "ImageData")
        labels = np.ravel(batches(net, 10, "y1"))
        assert np.array_equal(np.roll(np.arange(10), -int(labels[0])), labels)
        starts.add(labels[0])
    assert starts == {0, 1, 2}


# Threads.

def test_threads_and_files_go_with_the_net(folder):
    def resources():
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    batches(make_net(folder, data()), 2)
    gc.collect()
    before = resources()
    for _ in range(5):
        net = make_net(folder, data(batch_size=10, prefetch=3))
        batches(net, 2)
    del net
    deadline = time.monotonic() + PATIENCE
    while resources() > before and time.monotonic() < deadline:
        gc.collect()
        time.sleep(.01)
    assert resources() <= before


def test_interpreter_ends_though_a_batch_is_on_its_way(folder):
    make_net(folder, data())
    script = """
        import time, caffe
        net = caffe.Net("net.prototxt", caffe.TRAIN)
        batch = net.nodes[0].layer.batch
        net.nodes[0].layer.batch = lambda number: (time.sleep(.2 * (number > 0)), batch(number))[1]
        net.forward()
        print("at the end", flush=True)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=folder, timeout=PATIENCE, text=True,
                          capture_output=True, env=dict(os.environ, GLOG_minloglevel="2"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "at the end\n", "")


def test_an_error_in_the_thread_comes_at_its_batch_and_stays(folder):
    (folder / "7.png").unlink()
    net = make_net(folder, IMAGE_LIST % "batch_size: 5", "ImageData")
    net.forward()
    for _ in range(2):
        with pytest.raises(CaffeError, match=r"layer it \(ImageData\): .*7\.png: Could not open or find file"):
            net.forward()


# Databases.

@pytest.mark.parametrize("sizes", [[5], [100] * 3000, [5000] * 300, list(range(1990, 2060)) * 3, [0, 70000, 1] * 20])
def test_lmdb_as_the_library_reads_it(sizes, tmp_path):
    random = np.random.RandomState(1)
    make_lmdb(tmp_path / "db", [random.bytes(size) for size in sizes])
    with lmdb.open(str(tmp_path / "db")) as environment:
        with environment.begin(write=True) as transaction:  # pages that are used again
            for i in range(0, len(sizes) - 1, 3):
                transaction.delete(b"%08d" % i)
            transaction.put(b"x" * 400, b"with a long key")
        with environment.begin() as transaction:
            expected = list(transaction.cursor())
        found = Lmdb(tmp_path / "db")  # while the library, too, has it open
        assert len(found) == len(expected) and list(found.records()) == expected
        for start in 1, len(expected) // 2, len(expected) - 1:
            assert list(found.records(start)) == expected[start:]
        assert all(found.get(key) == value for key, value in expected)
        for key in b"", b"%08d" % 10 ** 6, b"%08d0" % 1, b"00", b"y", b"\xff" * 600:
            assert found.get(key) is None


def test_nets_share_a_database_with_scripts(folder):
    with lmdb.open(str(folder / "db"), readonly=True):
        one, two = (make_net(folder, data()) for _ in range(2))
        for found, expected in zip(batches(one, 3), batches(two, 3)):
            assert np.array_equal(found, expected)


def test_leveldb(folder):
    plyvel = pytest.importorskip("plyvel")
    database = plyvel.DB(str(folder / "level"), create_if_missing=True)
    for i, value in enumerate(datums(images(10, 3, 6, 5))):
        database.put(b"%08d" % i, value)
    database.close()
    parameters = data().replace("backend: LMDB", "").replace("/db", "/level")
    nets = [make_net(folder, parameters) for _ in range(2)]
    expected = batches(make_net(folder, data()), 6)
    for net in nets:
        assert all(map(np.array_equal, batches(net, 6), expected))
        net.reset_passes(4)
        assert np.array_equal(batches(net, 1)[0], expected[4])


def test_a_leveldb_without_plyvel(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "plyvel", None)
    (folder / "db" / "data.mdb").rename(folder / "db" / "CURRENT")
    with pytest.raises(CaffeError, match="install plyvel"):
        make_net(folder, data().replace("backend: LMDB", ""))


# HDF5Output.

def test_hdf5_output_can_be_read_after_each_forward(folder):
    text = '%s layer { name: "out" type: "HDF5Output" bottom: "y0" bottom: "y1" hdf5_output_param { file_name: "%s" } }'
    make_net(folder, data(4))
    path = folder / "net.prototxt"
    path.write_text(text % (path.read_text(), folder / "out.h5"))
    net = caffe.Net(str(path), caffe.TEST)
    seen = []
    for step in range(1, 4):
        net.forward()
        seen.append(net.blobs["y0"].data.copy())
        with h5py.File(folder / "out.h5") as file:
            assert np.array_equal(file["data"], np.concatenate(seen))
            assert np.array_equal(file["label"][:, 0, 0, 0], np.arange(4 * step) % 10)
            assert file["label"].shape == (4 * step, 1, 1, 1)
    path.write_text(path.read_text().replace("out.h5", "no/out.h5"))
    with pytest.raises(CaffeError, match="no/out.h5"):
        caffe.Net(str(path), caffe.TEST)


# DummyData and MemoryData.

def test_dummy_data_fills_constants_once_and_the_rest_anew(folder):
    net = make_net(folder, 'dummy_data_param { shape { dim: 9 } data_filler { value: 2 } '
                   'data_filler { type: "uniform" } }', "DummyData")
    net.blobs["y0"].data[0] = 7
    before = net.blobs["y1"].data.copy()
    first, second = batches(net, 2, "y1")
    assert net.blobs["y0"].data.tolist() == [7] + [2] * 8
    assert not (before == first).any() and not (first == second).any()


MEMORY = "memory_data_param { batch_size: 2 channels: 3 height: 2 width: 1 }"


@pytest.mark.parametrize("data, labels, message", [
    (np.zeros((4, 3, 2, 1)), np.zeros(4, np.float32), "data array must be float32"),
    (np.zeros((3, 3, 2, 1), np.float32), np.zeros(3, np.float32), "must be a multiple of batch size"),
    (np.zeros((0, 3, 2, 1), np.float32), np.zeros(0, np.float32), "must be a multiple of batch size"),
    (np.zeros((4, 2, 2, 1), np.float32), np.zeros(4, np.float32), "data array has wrong number of channels"),
    (np.zeros((4, 3, 2), np.float32), np.zeros(4, np.float32), "data array must be 4-d"),
    (np.zeros((4, 3, 2, 1), np.float32), np.zeros(2, np.float32), "must have the same first dimension"),
    (np.zeros((4, 3, 2, 1), np.float32), np.zeros(4), "labels array must be float32"),
    (np.zeros((8, 3, 2, 1), np.float32)[::2], np.zeros(4, np.float32), "data array must be C contiguous"),
])
def test_arrays_that_memory_data_refuses(data, labels, message, folder):
    net = make_net(folder, MEMORY, "MemoryData")
    with pytest.raises(CaffeError, match=message):
        net.set_input_arrays(data, labels)


def test_memory_data_reads_the_arrays_anew(folder):
    net = make_net(folder, MEMORY, "MemoryData")
    with pytest.raises(CaffeError, match="set_input_arrays"):
        net.forward()
    array = np.random.RandomState(0).normal(size=(6, 3, 2, 1)).astype(np.float32)
    net.set_input_arrays(array, np.arange(6, dtype=np.float32))
    net.forward()
    array[3] = 5
    assert np.array_equal(batches(net, 1)[0], array[2:4])
    net.blobs["y0"].data[...] = 8
    assert (array != 8).all()
    net.reset_passes(2)
    assert np.array_equal(batches(net, 1)[0], array[4:])
HDF5 = 'hdf5_data_param { source: "FOLDER/list" batch_size: 2 }'
