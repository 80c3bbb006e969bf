"""Where a training starts, and the prototxts that are written for it."""
from pathlib import Path

from caffe.proto import caffe_pb2
from google.protobuf import text_format

from pain.errors import Problem
from pain.files import replacing
from pain.prototxts import read_prototxt, seeded, with_changes


def freeze(net, trunk):
    """Let the net's layers that `trunk` has as well keep their weights, in place. Both: caffe_pb2.NetParameter.

    Caffe then takes no gradient through them at all.
    """
    blobs = {layer.name: {"Convolution": 2, "PReLU": 1}.get(layer.type, 0) for layer in trunk.layer}
    for layer in net.layer:
        if blobs.get(layer.name):
            del layer.param[:]
            for _ in range(blobs[layer.name]):
                layer.param.add(lr_mult=0, decay_mult=0)


def write_prototxt(source, out, seed, frozen, changes=""):
    """Copy the folder of prototxts `source` to `out` with this seed, the pain net's trunk frozen or not.

    changes: prototxt to set in the solvers. Raises Problem where there are no solvers, or none with such fields.
    """
    if not (source / "solvers").is_dir():
        raise Problem("%s: no solvers in it; name a folder like prototxt/" % source)
    trunk = read_prototxt(source / "face_verification.prototxt", caffe_pb2.NetParameter())
    messages = {path: with_changes(read_prototxt(path, caffe_pb2.SolverParameter()), changes, "settings")
                for path in sorted((source / "solvers").glob("*.prototxt"))}
    for path in sorted({source / Path(solver.net).name for solver in messages.values()}):
        messages[path] = read_prototxt(path, caffe_pb2.NetParameter())
    for path, message in messages.items():
        seeded(message, seed)
        if frozen and path.stem == "pain_regression":
            freeze(message, trunk)
        target = out / path.relative_to(source)
        text = text_format.MessageToString(message)
        if not target.exists() or target.read_text() != text:
            with replacing(target) as partial:
                partial.write_text(text)
