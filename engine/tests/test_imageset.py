"""convert_imageset and compute_image_mean beside genuine Caffe's: databases, means, logs and statuses."""
import os
import shutil
from pathlib import Path

import lmdb
import numpy as np
import pytest
from PIL import Image

from caffe import images, imageset
from caffe.proto import caffe_pb2
from command_runs import WHEN, folder, last_line, only_line, run  # noqa: F401  two are fixtures
from genuine import needs_genuine, run_tool

LIST = b"""a.png 3
b.jpg -1
grey.png 2
grey.jpg +5
clear.png 7x
C.JPEG
no_extension 1
with space.png 12
missing.png 1
text.png 1
big.bmp 8\x20

d.ppm 4294967297
a.png\t9
caf\xc3\xa9.png 1
sub/b.jpeg 6
a.png 2"""


@pytest.fixture(autouse=True)
def images_to_convert(folder):  # noqa: F811
    """images/, some of them small, all of one size but big.bmp; list, and whole, a list without what cannot be read."""
    random = np.random.RandomState(0)
    (folder / "images/sub").mkdir(parents=True)
    for name, shape in (("a.png", (9, 7, 3)), ("b.jpg", (9, 7, 3)), ("grey.png", (9, 7)), ("grey.jpg", (9, 7)),
                        ("clear.png", (9, 7, 4)), ("C.JPEG", (9, 7, 3)), ("with space.png", (9, 7, 3)),
                        ("d.ppm", (9, 7, 3)), ("caf\xe9.png", (9, 7, 3)), ("sub/b.jpeg", (9, 7, 3))):
        Image.fromarray(random.randint(0, 256, shape).astype("u1")).save(folder / "images" / name)
    Image.fromarray(random.randint(0, 256, (9, 7)).astype("u1")).save(folder / "images/no_extension", "PNG")
    Image.fromarray(random.randint(0, 256, (20, 30, 3)).astype("u1")).save(folder / "images/big.bmp")
    (folder / "images/text.png").write_text("nonsense")
    (folder / "list").write_bytes(LIST)
    (folder / "whole").write_text("a.png 1\nb.jpg 2\nsub/b.jpeg 3\ngrey.jpg 4\n")
    (folder / "files").write_text("b.jpg 2\na.png 1\nsub/b.jpeg 3\n")
    (folder / "sizes").write_text("a.png 1\nbig.bmp 2\n")


def records(database):
    with lmdb.open(database, readonly=True, lock=False) as environment, environment.begin() as transaction:
        return list(transaction.cursor())


def convert(run, *args):  # noqa: F811
    return run(*args, main=imageset.convert_imageset)


def told(said):
    """The log's lines without when."""
    return [WHEN.sub("", line) for line in said.splitlines() if WHEN.match(line)]


@needs_genuine
@pytest.mark.parametrize("flags", [
    "list", "list -gray", "list -resize_height 4 --resize_width=5", "list -resize_height 4 -gray", "whole -encoded",
    "whole -encode_type=jpg", "whole -encode_type jpeg", "whole -encoded -encode_type JPG -gray", "whole -check_size",
    "list -resize_width 70 -resize_height 90 -encode_type jpg", "sizes -check_size", "sizes -encoded -check_size",
    "whole -encode_type xyz"])
def test_convert_imageset_as_genuine(flags, run):  # noqa: F811
    listing, *flags = flags.split()
    status, said = convert(run, *flags, "images/", listing, "ours")
    expected, theirs = run_tool("convert_imageset", *flags, "images/", listing, "theirs")
    assert status == expected
    assert records("ours") == records("theirs")
    if not status:
        assert [line.replace("ours", "theirs").partition(": not an image")[0] for line in told(said)] == told(theirs)
        assert os.stat("ours").st_mode == os.stat("theirs").st_mode


@needs_genuine
def test_pngs_have_the_same_pixels(run):  # noqa: F811
    assert convert(run, "-encode_type=png", "images/", "whole", "ours")[0] == 0
    run_tool("convert_imageset", "-encode_type=png", "images/", "whole", "theirs")
    for (key, ours), (same_key, theirs) in zip(records("ours"), records("theirs"), strict=True):
        ours, theirs = map(caffe_pb2.Datum.FromString, (ours, theirs))
        assert (key, ours.label, ours.encoded) == (same_key, theirs.label, theirs.encoded)
        np.testing.assert_array_equal(images.decode(ours.data), images.decode(theirs.data))


def test_shuffling_changes_the_order_alone(run):  # noqa: F811
    Path("many").write_text("".join("a.png %d\n" % i for i in range(60)))
    for name in "one", "two":
        assert "convert_imageset.cpp:86] Shuffling data" in convert(run, "-shuffle", "images/", "many", name)[1]
    orders = [[caffe_pb2.Datum.FromString(value).label for _, value in records(name)] for name in ("one", "two")]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(60)) and orders[0] != orders[1]
    assert [key for key, _ in records("one")] == [b"%08d_a.png" % i for i in range(60)]


def test_what_is_in_the_database(run, monkeypatch):  # noqa: F811
    monkeypatch.setattr(imageset, "COMMIT_EVERY", 2)
    status, said = convert(run, "images/", "whole", "db")
    assert status == 0 and told(said)[-2:] == ["convert_imageset.cpp:144] Processed %d files." % n for n in (2, 4)]
    (key, value), *_ = records("db")
    datum = caffe_pb2.Datum.FromString(value)
    assert (key, datum.channels, datum.height, datum.width, datum.label) == (b"00000000_a.png", 3, 9, 7, 1)
    np.testing.assert_array_equal(np.frombuffer(datum.data, "u1").reshape(3, 9, 7)[::-1].transpose(1, 2, 0),
                                  np.asarray(Image.open("images/a.png")))


@needs_genuine
@pytest.mark.parametrize("flags", ["list", "list -gray", "files -encoded", "list -resize_height 40 -resize_width 50"])
def test_compute_image_mean_as_genuine(flags, run):  # noqa: F811
    listing, *flags = flags.split()
    assert convert(run, *flags, "images/", listing, "db")[0] == 0
    status, said = run("db", "ours", main=imageset.compute_image_mean)
    expected, theirs = run_tool("compute_image_mean", "db", "theirs")
    assert status == expected == 0
    assert Path("ours").read_bytes() == Path("theirs").read_bytes()
    assert [line.replace("ours", "theirs") for line in told(said)] == told(theirs)
    run("db", main=imageset.compute_image_mean)


@needs_genuine
@pytest.mark.parametrize("name, main", [("convert_imageset", imageset.convert_imageset),
                                        ("compute_image_mean", imageset.compute_image_mean)])
@pytest.mark.parametrize("args", [
    "", "images/ list", "images/ list db extra", "-nonsense images/ list db", "-help", "-backend", "-backend no {}",
    "no {}", "-backend lmdb images {}", "images/ list images", "images/ list no/where"])
def test_statuses_as_genuine(args, name, main, run):  # noqa: F811
    args = args.format("list db" if name == "convert_imageset" else "").split()
    status, said = run(*args, main=main)
    shutil.rmtree("db", ignore_errors=True)
    assert status == run_tool(name, *args)[0]
    if status == 134:
        only_line(said, "")


def test_refusals(run):  # noqa: F811
    for main, args, words in (
            (imageset.convert_imageset, ("images/", "nowhere", "db"), "nowhere: No such file"),
            (imageset.convert_imageset, ("images/", "list", "images"), "mkdir images failed: File exists"),
            (imageset.convert_imageset, ("-backend", "mdb", "images/", "list", "db"), "Unknown database backend: mdb"),
            (imageset.convert_imageset, ("-encode_type", "xyz", "images/", "list", "db"), "a.png: cannot be encoded"),
            (imageset.convert_imageset, ("-check_size", "images/", "sizes", "db2"), "size 1800 of big.bmp: the first"),
            (imageset.compute_image_mean, ("nowhere",), "nowhere: there is no such folder with an LMDB"),
            (imageset.compute_image_mean, ("-backend=leveldb", "images"), "images: there is no such folder")):
        status, said = run(*args, main=main)
        assert status == 134 and words in last_line(said), said
    convert(run, "images/", "sizes", "sizes_db")
    assert "Incorrect data field size 1800 of record 00000001_big.bmp" in last_line(
        run("sizes_db", "mean", main=imageset.compute_image_mean)[1])
    assert not Path("mean").exists()
