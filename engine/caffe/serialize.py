"""Blobs to and from their protobuf and HDF5 forms, and files that are written whole or not at all."""
import contextlib
import os
from pathlib import Path

import numpy as np

from caffe.errors import CaffeError
from caffe.proto import caffe_pb2

# The fields of BlobProto that hold numbers: name -> (wire tag of the packed field, dtype).
_PACKED = {"data": (b"\x2a", "<f4"), "diff": (b"\x32", "<f4"),
           "double_data": (b"\x42", "<f8"), "double_diff": (b"\x4a", "<f8")}


def array_to_blobproto(array, diff=None):
    """A BlobProto of the array and, unless None, of its gradients. Much faster than through Python's numbers."""
    proto = caffe_pb2.BlobProto()
    proto.shape.dim.extend(array.shape)
    for name, values in ("data", array), ("diff", diff):
        if values is not None:
            tag, dtype = _PACKED[name]
            payload = np.ascontiguousarray(values, dtype).tobytes()
            proto.MergeFromString(tag + _varint(len(payload)) + payload)
    return proto


def blobproto_shape(proto):
    """The shape, a tuple; the old form has num, channels, height and width."""
    if proto.HasField("shape"):
        return tuple(proto.shape.dim)
    if any(proto.HasField(name) for name in ("num", "channels", "height", "width")):
        return proto.num, proto.channels, proto.height, proto.width
    return tuple(proto.shape.dim)


def blobproto_values(proto, name="data"):
    """The numbers of `name` (data or diff) as a flat array, float32. Raises CaffeError if they do not fit the shape."""
    if len(getattr(proto, "double_" + name)):
        name = "double_" + name
    tag, dtype = _PACKED[name]
    only = caffe_pb2.BlobProto()
    getattr(only, name).MergeFrom(getattr(proto, name))
    raw = only.SerializeToString()
    values = np.frombuffer(raw, dtype, offset=len(raw) - len(getattr(only, name)) * np.dtype(dtype).itemsize)
    return values.astype(np.float32)


def _varint(number):
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(parts) + bytes([number])


@contextlib.contextmanager
def hdf5_file(path, mode="r"):
    """In a `with`: the h5py.File. What h5py cannot do with it, then and within, raises CaffeError naming the file."""
    import h5py
    try:
        with h5py.File(path, mode) as file:
            yield file
    except CaffeError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:  # all that h5py raises
        raise CaffeError("%s: not what it should be, or damaged: %s" % (path, error)) from error


@contextlib.contextmanager
def replacing(path):
    """Give a temporary path beside `path`; on success it is flushed to disk and renamed to `path`, else removed."""
    path = Path(path)
    partial = path.with_name(".%s.%d.partial" % (path.name, os.getpid()))
    try:
        yield partial
        with open(partial, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise CaffeError("%s: cannot be written: %s" % (path, getattr(error, "strerror", None) or error)) from error
    finally:
        with contextlib.suppress(OSError, ValueError):  # it was renamed, or could not even be made
            partial.unlink()


def check_shape(layer, index, blob, shape, where):
    """Raise CaffeError, naming the layer, unless its blob of this index has the shape found in the file `where`."""
    if tuple(shape) != blob.shape:
        layer.fail("Cannot copy param %d weights from %s; shape mismatch. Source param shape is %s; target param "
                   "shape is %s. To learn this layer's parameters from scratch rather than copying from a saved "
                   "net, rename the layer." % (index, where, tuple(shape), blob.shape))


def check_blobs(layer, protos, where):
    """Raise CaffeError, naming the layer, unless number, shapes and sizes of the BlobProtos are its blobs'."""
    if len(protos) != len(layer.blobs):
        layer.fail("Incompatible number of blobs: %d in %s, %d in the net" % (len(protos), where, len(layer.blobs)))
    for i, (blob, proto) in enumerate(zip(layer.blobs, protos)):
        shape = blobproto_shape(proto)
        if not proto.HasField("shape") and shape == (1,) * (4 - len(blob.shape)) + blob.shape:
            shape = blob.shape  # the old form has four axes, always
        check_shape(layer, i, blob, shape, where)
        count = len(proto.double_data) or len(proto.data)
        if count != blob.count:
            layer.fail("param %d in %s has %d values for the shape %s" % (i, where, count, shape))
