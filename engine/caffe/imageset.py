"""The commands convert_imageset and compute_image_mean, with the flags, the databases, and the log of BVLC's.

    convert_imageset --resize_height=256 --resize_width=256 --shuffle images/ train.txt train_lmdb
    compute_image_mean train_lmdb mean.binaryproto

A line of the list is a file, a space, and its label. An image that cannot be read is told, and left out.
"""
import io
import os
import random
import re
import sys

import numpy as np

from caffe import images, log, program
from caffe.db import new_database, open_database, printable
from caffe.errors import CaffeError
from caffe.flags import COMMON
from caffe.proto import caffe_pb2
from caffe.serialize import replacing

CONVERT_USAGE = """convert_imageset: makes the database that a Data layer reads of image files and labels
usage: convert_imageset [FLAGS] ROOTFOLDER/ LISTFILE DB_NAME

flags, with one dash or two:
"""
CONVERT_FLAGS = {
    "gray": (bool, False, "read the images as grey ones"),
    "shuffle": (bool, False, "put them in random order"),
    "backend": (str, "lmdb", "the kind of the database: lmdb or leveldb"),
    "resize_width": (int, 0, "the width that images are resized to, if resize_height is given, too"),
    "resize_height": (int, 0, "the height that images are resized to"),
    "check_size": (bool, False, "stop at an image of another size than the first"),
    "encoded": (bool, False, "keep the images as files, compressed"),
    "encode_type": (str, "", "the type of those files: png, jpg, ...; that of the image's own file unless given"),
    **COMMON,
}
MEAN_USAGE = """compute_image_mean: computes the mean of the images in a database
usage: compute_image_mean [FLAGS] INPUT_DB [OUTPUT_FILE]

flags, with one dash or two:
"""
MEAN_FLAGS = {"backend": (str, "lmdb", "the kind of the database: lmdb or leveldb"), **COMMON}
COMMIT_EVERY, TELL_EVERY = 1000, 10000  # images: written at a time, by convert; read, by mean
JPEG_QUALITY = 95  # OpenCV's


def convert_imageset():
    """Run the command with the arguments of the process, and exit with its status."""
    program.main("convert_imageset", CONVERT_FLAGS, CONVERT_USAGE, _convert, counts=range(3, sys.maxsize), misused=1)


def compute_image_mean():
    """Run the command with the arguments of the process, and exit with its status."""
    program.main("compute_image_mean", MEAN_FLAGS, MEAN_USAGE, _mean, counts=(1, 2), misused=1)


# convert_imageset.

def _convert(arguments, flags):
    root, listing, database = arguments[:3]
    lines = _lines(listing)
    if flags.shuffle:
        log.info("Shuffling data", at="convert_imageset.cpp:86")
        random.shuffle(lines)
    log.info("A total of %d images." % len(lines), at="convert_imageset.cpp:89")
    if flags.encode_type and not flags.encoded:
        log.info("encode_type specified, assuming encoded=true.", at="convert_imageset.cpp:92")
        flags.encoded = True
    with new_database(database, _backend(flags)) as write:
        batch, count = [], 0
        for key, datum in _records(root, lines, flags):
            batch.append((key, datum))
            count += 1
            if count % COMMIT_EVERY == 0:
                write(batch)
                log.info("Processed %d files." % count, at="convert_imageset.cpp:144")
                batch = []
        if batch:
            write(batch)
            log.info("Processed %d files." % count, at="convert_imageset.cpp:153")


def _backend(flags):
    if flags.backend not in ("lmdb", "leveldb"):
        raise CaffeError("Unknown database backend: %s; there are lmdb, leveldb" % flags.backend)
    return caffe_pb2.DataParameter.DB.Value(flags.backend.upper())


def _lines(listing):
    """(file, label) of each line, as BVLC's splits it: at the last space, and a label as far as it is a number."""
    try:
        with open(listing, "rb") as file:
            texts = file.read().split(b"\n")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise CaffeError("%s: %s" % (listing, getattr(error, "strerror", error))) from error
    lines = []
    for text in texts[:-1] if texts[-1] == b"" else texts:
        name, space, label = text.rpartition(b" ")
        number = re.match(rb"[ \t\r\v\f]*([+-]?\d+)", label if space else text)
        value = max(-2**63, min(int(number[1]), 2**63 - 1)) if number else 0
        lines.append((name if space else text, (value + 2**31) % 2**32 - 2**31))
    return lines


def _records(root, lines, flags):
    """Yields (key, Datum), both bytes, of each image that can be read."""
    size = None
    for number, (name, label) in enumerate(lines):
        datum = _datum(root, os.fsdecode(name), label, flags)
        if datum is None:
            continue
        if flags.check_size:
            size = datum.channels * datum.height * datum.width if size is None else size
            if len(datum.data) != size:
                raise CaffeError("Incorrect data field size %d of %s: the first image's is %d"
                                 % (len(datum.data), os.fsdecode(name), size))
        yield b"%08d_%s" % (number, name), datum.SerializeToString()


def _datum(root, name, label, flags):
    """The Datum of an image, or None if it cannot be read, which is logged."""
    path, height, width = root + name, max(flags.resize_height, 0), max(flags.resize_width, 0)
    try:
        image = images.read(path, not flags.gray)
    except CaffeError as error:
        why = "" if "Could not open" in str(error) else ": %s" % error
        log.error("Could not open or find file " + path + why, at="io.cpp:83")
        return None
    if height and width:
        image = images.resize(image, height, width)
    if not flags.encoded:
        channels, height, width = image.shape
        return caffe_pb2.Datum(channels=channels, height=height, width=width, data=image.tobytes(), label=label,
                               encoded=False)
    extension = name.rpartition(".")[2].lower()
    encoding = flags.encode_type or extension
    if not height and not width and (extension == encoding.lower()
                                     or (extension, encoding.lower()) == ("jpeg", "jpg")):
        with open(path, "rb") as file:
            data = file.read()
    else:
        data = _encoded(image, encoding, path)
    return caffe_pb2.Datum(data=data, label=label, encoded=True)


def _encoded(image, encoding, path):
    """The bytes of a file of this type with the image, C x H x W, in it."""
    from PIL import Image
    kind = Image.registered_extensions().get("." + encoding.lower().lstrip("."))
    if kind not in images.FORMATS:
        raise CaffeError("%s: cannot be encoded as %r" % (path, encoding))
    data = io.BytesIO()
    pixels = image[0] if len(image) == 1 else np.ascontiguousarray(image[::-1].transpose(1, 2, 0))
    Image.fromarray(pixels).save(data, kind, **({"quality": JPEG_QUALITY} if kind == "JPEG" else {}))
    return data.getvalue()


# compute_image_mean.

def _mean(arguments, flags):
    source, *out = arguments
    database = open_database(source, _backend(flags))
    log.info("Opened %s %s" % (flags.backend, source), at="db_lmdb.cpp:35")
    total, count = None, 0
    for key, value in database.records():
        image, encoded = _image(value, "%s: record %s" % (source, printable(key)))
        if total is None:
            if encoded:
                log.info("Decoding Datum", at="compute_image_mean.cpp:57")
            log.info("Starting iteration", at="compute_image_mean.cpp:70")
            total = np.zeros(image.shape, np.float32)
        if image.size != total.size:
            raise CaffeError("%s: Incorrect data field size %d of record %s: the first one's is %d"
                             % (source, image.size, printable(key), total.size))
        total += image.reshape(total.shape)
        count += 1
        if count % TELL_EVERY == 0:
            log.info("Processed %d files." % count, at="compute_image_mean.cpp:96")
    if count % TELL_EVERY:
        log.info("Processed %d files." % count, at="compute_image_mean.cpp:101")
    mean = total / np.float32(count)
    if out:
        log.info("Write to " + out[0], at="compute_image_mean.cpp:108")
        channels, height, width = mean.shape
        blob = caffe_pb2.BlobProto(num=1, channels=channels, height=height, width=width, data=mean.ravel())
        with replacing(out[0]) as partial:
            partial.write_bytes(blob.SerializeToString())
    log.info("Number of channels: %d" % len(mean), at="compute_image_mean.cpp:114")
    for i, channel in enumerate(mean):  # added up one by one, in float32, as BVLC's does
        value = np.add.accumulate(channel.ravel())[-1] / np.float32(channel.size)
        log.info("mean_value channel [%d]: %g" % (i, value), at="compute_image_mean.cpp:119")


def _image(value, where):
    """The image in a Datum's bytes, C x H x W, uint8 or float32, and whether it is encoded."""
    datum = caffe_pb2.Datum()
    try:
        datum.ParseFromString(value)
    except Exception as error:  # protobuf's DecodeError
        raise CaffeError("%s: not a Datum" % where) from error
    if datum.encoded:
        return images.decode(datum.data), True
    values = np.frombuffer(datum.data, np.uint8) if datum.data else np.array(datum.float_data, np.float32)
    if values.size != datum.channels * datum.height * datum.width:
        raise CaffeError("%s: Incorrect data field size %d" % (where, values.size))
    return values.reshape(datum.channels, datum.height, datum.width), False
