"""Which layers of a net a caffemodel fills, layer by layer, as Caffe's copying by name decides.

    filled     the file has the layer, with blobs of the net's shapes
    random     the file does not have it: its weights stay as the net's fillers make them
    refused    the file has it with other blobs: Caffe stops

Reads caffemodels of all formats: today's, the older V1 and V0, and HDF5. The exit status is 0 if something is filled
and nothing refused, else 1. tools/train.py and tools/predict.py go by the same rules.
"""
import os
import sys
import warnings
from collections import namedtuple
from pathlib import Path

import numpy as np

os.environ.setdefault("GLOG_minloglevel", "2")  # before caffe is loaded: its account of every layer is of no use here
import caffe  # noqa: E402
from caffe.proto import caffe_pb2  # noqa: E402
from google.protobuf.message import DecodeError  # noqa: E402

from cli import Parser, Problem, run  # noqa: E402
from make_slim import parse  # noqa: E402

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"

# A layer of the net that has weights, here or there. shapes: the net's, a list of tuples; stored: the file's, a list of
# StoredBlob, None if it does not have the layer; status: filled, random or refused.
Layer = namedtuple("Layer", "name shapes stored status")


class StoredBlob(namedtuple("StoredBlob", "shape size legacy")):
    """A caffemodel's blob. shape: a tuple; size: how many values there are; legacy: whether the shape is of the old
    form, which has four axes always (num, channels, height, width), the first of them 1 if there are fewer."""

    def fits(self, shape):
        """Whether Caffe copies it into a blob of this shape, a tuple (BVLC blob.cpp, ShapeEquals and FromProto)."""
        wanted = (1,) * (4 - len(shape)) + shape if self.legacy else shape
        return self.shape == wanted and self.size == np.prod(shape)


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
    except FileNotFoundError:
        raise Problem("%s: no such caffemodel; models/README.md says where the face model comes from" % path)
    except DecodeError:
        raise Problem("%s: not a caffemodel, or a damaged one" % path)
    # V1 has `layers { name blobs }`, V0 `layers { layer { name blobs } }`.
    layers = [*net.layer, *(old.layer if old.HasField("layer") else old for old in net.layers)]
    return {layer.name: [stored_blob(blob) for blob in layer.blobs] for layer in layers}


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
    except (OSError, KeyError, AttributeError):  # truncated; no data; data is no group
        raise Problem("%s: not a caffemodel, or a damaged one" % path)
    return stored


def build_net(net_file, stages=()):
    """The caffe.Net of a prototxt in phase TEST and these stages. Raises Problem when caffe cannot build it.

    Genuine Caffe ends the process instead, unless it is the prototxt's syntax that is wrong.
    """
    try:
        net = parse(Path(net_file).read_text(), caffe_pb2.NetParameter(), net_file)
        if not (net.layer or net.layers or net.input):
            raise Problem("%s: a net without layers; prototxt/ has ours" % net_file)
        return caffe.Net(str(net_file), caffe.TEST, stages=list(stages))
    except FileNotFoundError:
        raise Problem("%s: no such net; prototxt/ has ours" % net_file)
    except UnicodeDecodeError:
        raise Problem("%s: not a prototxt; a net is a text file" % net_file)
    except RuntimeError as error:
        raise Problem("%s: %s" % (net_file, error))


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


def load_net(net_file, weights, stages=()):
    """The net in phase TEST with the weights, all of its layers filled. Raises Problem if they are of another net."""
    net = build_net(net_file, stages)
    for layer in match(net, read_blobs(weights)):
        if layer.status != "filled":
            raise Problem("%s: of another net than %s: %s" % (weights, net_file, difference(layer)))
    net.copy_from(str(weights))
    return net


def check_weights(path, net_file, stages=("deploy",)):
    """Say in a line what of the net the caffemodel fills. Raises Problem if that is nothing, or if Caffe would stop."""
    stored = read_blobs(path)
    layers = match(build_net(net_file, stages), stored)
    for layer in layers:
        if layer.status == "refused":
            raise Problem("%s: caffe would refuse it for %s: %s" % (path, net_file, difference(layer)))
    if not names(layers, "filled"):
        raise Problem("%s: fills no layer of %s; it is of another net (its layers: %s)"
                      % (path, net_file, listed([name for name in stored if stored[name]])))
    return summary(path, layers)


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


def main():
    parser = Parser(__doc__)
    parser.add_argument("file", help="caffemodel, or caffemodel.h5")
    parser.add_argument("--net", default="prototxt/pain_regression.prototxt", help="(default: %(default)s)")
    parser.add_argument("--stage", nargs="*", default=["deploy"],
                        help="the stages to build the net in, in phase TEST (default: deploy)")
    args = parser.parse_args()
    stored = read_blobs(args.file)
    layers = match(build_net(args.net, args.stage), stored)
    rows = [("layer", "", "in the net", "in the file")]
    rows += [(layer.name, layer.status, shapes_text(layer.shapes), shapes_text(layer.stored)) for layer in layers]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
    known = {layer.name for layer in layers}
    unused = [name for name in stored if stored[name] and name not in known]
    filled = [layer for layer in layers if layer.status == "filled"]
    print("\n%s, %d of %d parameters; in the file only: %s"
          % (summary(args.file, layers), count(filled), count(layers), listed(unused)))
    sys.exit(not filled or bool(names(layers, "refused")))


if __name__ == "__main__":
    run(main)
