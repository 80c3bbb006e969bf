"""Which layers of a net a caffemodel fills, as Caffe's copying by name decides."""
from __future__ import annotations

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from caffe.proto import caffe_pb2
from google.protobuf.message import DecodeError

from pain.errors import Problem

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


class StoredBlob(NamedTuple):
    """A blob in a caffemodel."""

    shape: tuple[int, ...]
    size: int  # how many values there are
    legacy: bool  # whether the shape is of the old form: always num, channels, height, width, the first of them 1

    def fits(self, shape):
        """Whether Caffe copies it into a blob of this shape, a tuple (BVLC blob.cpp, ShapeEquals and FromProto)."""
        wanted = (1,) * (4 - len(shape)) + shape if self.legacy else shape
        return self.shape == wanted and self.size == np.prod(shape)


class Layer(NamedTuple):
    """A layer that has weights, in the net or in the file."""

    name: str
    shapes: list[tuple[int, ...]]  # the net's
    stored: list[StoredBlob] | None  # the file's, None if it does not have the layer
    status: str  # filled, random or refused


def read_blobs(path):
    """What is in a caffemodel: a dict, layer name -> list of StoredBlob. Raises Problem when it is none."""
    try:
        content = Path(path).read_bytes()
        if not content:
            raise DecodeError("it is empty")
        if content.startswith(HDF5_SIGNATURE):
            return read_hdf5_blobs(path)
        with warnings.catch_warnings(record=True) as said:  # all that old protobufs do about some of the damage
            warnings.simplefilter("always")
            net = caffe_pb2.NetParameter.FromString(content)
        if said:
            raise DecodeError(said[0].message)
        # V1 has `layers { name blobs }`, V0 `layers { layer { name blobs } }`.
        layers = [*net.layer, *(old.layer if old.HasField("layer") else old for old in net.layers)]
        if any(isinstance(layer.name, bytes) for layer in layers):
            raise DecodeError("a name that is not UTF-8")
    except FileNotFoundError:
        raise Problem("%s: no such caffemodel; models/README.md says where the face model comes from" % path) from None
    except DecodeError:
        raise Problem("%s: not a caffemodel, or a damaged one" % path) from None
    return {layer.name: [stored_blob(blob) for blob in layer.blobs] for layer in layers}


def is_whole(path):
    """Whether a snapshot's file, a caffemodel or a solverstate, is there and complete: an interrupted caffe leaves half
    ones.
    """
    try:
        if Path(path).suffix == ".solverstate":
            return bool(caffe_pb2.SolverState.FromString(Path(path).read_bytes()).ByteSize())
        return all(blob.size == np.prod(blob.shape) for blobs in read_blobs(path).values() for blob in blobs)
    except (OSError, DecodeError, Problem):
        return False


def stored_blob(proto):
    """The StoredBlob of a BlobProto."""
    legacy = any(proto.HasField(axis) for axis in ("num", "channels", "height", "width"))
    shape = (proto.num, proto.channels, proto.height, proto.width) if legacy else tuple(proto.shape.dim)
    return StoredBlob(shape, len(proto.double_data) or len(proto.data), legacy)


def read_hdf5_blobs(path):
    """read_blobs() of an HDF5 caffemodel, whose blobs are the datasets /data/LAYER/0, 1, ..."""
    import h5py
    stored = {}

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            stored.setdefault(name.rpartition("/")[0], []).append(StoredBlob(item.shape, item.size, False))

    try:
        with h5py.File(str(path), "r") as file:
            file["data"].visititems(add)
    except (OSError, RuntimeError, KeyError, AttributeError, ValueError, TypeError):  # all that h5py raises
        raise Problem("%s: not a caffemodel, or a damaged one" % path) from None
    return stored


def match(net, stored):
    """The net's layers that have weights, on either side, as a list of Layer. stored: as read_blobs() returns it."""
    layers, params = [], net.params
    for name in net._layer_names:
        shapes = [tuple(blob.shape) for blob in params.get(name, [])]
        found = stored.get(name)
        if shapes or found:
            fits = found is not None and len(found) == len(shapes) and all(
                blob.fits(shape) for blob, shape in zip(found, shapes))
            layers.append(Layer(name, shapes, found, "random" if found is None else "filled" if fits else "refused"))
    return layers


def difference(layer):
    """How the file's blobs of a Layer differ from the net's, in words."""
    return "layer %s has blobs %s there, %s here" % (layer.name, shapes_text(layer.stored), shapes_text(layer.shapes))


def names(layers, status):
    """The names of the layers of this status."""
    return [layer.name for layer in layers if layer.status == status]


def summary(path, layers):
    """One line: how much the file at `path` fills, and the names of the layers that it does not."""
    text = "%s fills %d of %d layers" % (Path(path).name, len(names(layers, "filled")), len(layers))
    for status in "random", "refused":
        if names(layers, status):
            text += "; %s: %s" % (status, listed(names(layers, status)))
    return text


def listed(words, most=8):
    """The words as a text, of many only the first."""
    return ", ".join(words[:most]) + (" and %d more" % (len(words) - most) if len(words) > most else "") or "none"


def shapes_text(blobs):
    """Shapes (tuples, or StoredBlobs) for people: 32x3x3x3 32. A blob with too few or too many values says so."""
    if blobs is None:
        return "missing"
    texts = []
    for blob in blobs:
        shape = getattr(blob, "shape", blob)
        texts.append("x".join(map(str, shape)) or "1")
        if getattr(blob, "size", np.prod(shape)) != np.prod(shape):
            texts[-1] += " (with %d values)" % blob.size
    return " ".join(texts) or "none"


def count(layers):
    """How many parameters the layers have in the net."""
    return sum(int(np.prod(shape)) for layer in layers for shape in layer.shapes)
