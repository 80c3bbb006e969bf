"""Runs layers, under whichever `caffe` Python finds, on inputs that are the same everywhere, and writes what came out.

    python parity.py FAMILY OUT.npz      FAMILY: a module in cases/

Runs under genuine Caffe's Python 3.9 and under the engine's. tests/test_parity.py compares the two.
"""
import importlib
import os
import sys
import tempfile
import zlib
from collections import namedtuple
from pathlib import Path

os.environ.setdefault("GLOG_minloglevel", "2")
import numpy as np  # noqa: E402

import caffe  # noqa: E402

Case = namedtuple("Case", "name layer bottoms tops phase params inputs steps tolerance net diffs reshape force "
                  "files prepare")


def case(name, layer, bottoms=((2, 3, 4, 5),), tops=1, phase="TRAIN", params="normal", inputs="normal", steps=1,
         tolerance=1e-4, in_place=False, net="", diffs=True, reshape=None, force=True, files=None, prepare=None):
    """One configuration of one layer.

    layer: its prototxt without name, bottoms and tops; bottoms: shapes; tops: how many, or their names;
    params: what its blobs are filled with, inputs: what the bottoms are filled with, each a kind (see `values`), or a
    list of a kind a blob; steps: forward and backward passes, one after the other; tolerance: of the largest value;
    diffs: whether gradients are compared; net: more prototxt before the layer; reshape: the bottoms' shapes from the
    second step on; force: whether all bottoms get gradients (False: those that a loss_weight and propagate_down ask
    for); files: a function of a folder, which makes files in it, in `layer` the folder is called FOLDER; prepare: a
    function of the net, called before the first forward.
    """
    names = ["x0"] if in_place else ["y%d" % i for i in range(tops)] if isinstance(tops, int) else list(tops)
    return Case(name, layer, [tuple(shape) for shape in bottoms], names, phase, params, inputs, steps, tolerance, net,
                diffs, reshape, force, files, prepare)


def values(kind, shape, random):
    """Numbers of a kind: normal, positive, probability, constant V, labels K (0..K-1), sign (-1 or 1), array [...]."""
    kind, _, argument = kind.partition(" ")
    if kind == "array":
        return np.array(eval(argument), np.float32).reshape(shape)
    return {
        "normal": lambda: random.normal(size=shape),
        "positive": lambda: random.uniform(0.1, 2, size=shape),
        "probability": lambda: random.uniform(0.05, 0.95, size=shape),
        "constant": lambda: np.full(shape, float(argument)),
        "labels": lambda: random.randint(0, int(argument), size=shape),
        "sign": lambda: random.choice([-1, 1], size=shape),
    }[kind]().astype(np.float32)


def kinds(given, count):
    return [given] * count if isinstance(given, str) else list(given)


def prototxt(case):
    """The net of a case: inputs x0, x1, ..., and the layer."""
    text = "force_backward: true\n" if case.force else ""
    for i, shape in enumerate(case.bottoms):
        text += 'layer { name: "in%d" type: "Input" top: "x%d" input_param { shape { %s } } }\n' % (
            i, i, " ".join("dim: %d" % dim for dim in shape))
    return text + case.net + 'layer { name: "layer" %s %s %s }' % (
        " ".join('bottom: "x%d"' % i for i in range(len(case.bottoms))),
        " ".join('top: "%s"' % name for name in case.tops), case.layer)


def run(case):
    """What the case computes: dict, "forward/blob", "bottom/blob", "param/i" (gradient), "blob/i" -> array."""
    with tempfile.TemporaryDirectory() as folder:  # outlives the net, whose threads may read files ahead
        return _run(case, Path(folder))


def _run(case, folder):
    random = np.random.RandomState(zlib.crc32(case.name.encode()))
    if case.files:
        case.files(folder)
    (folder / "net.prototxt").write_text(prototxt(case).replace("FOLDER", str(folder)))
    net = caffe.Net(str(folder / "net.prototxt"), getattr(caffe, case.phase))
    if case.prepare:
        case.prepare(net)
    blobs = net.params["layer"] if "layer" in net.params else []
    for kind, blob in zip(kinds(case.params, len(blobs)), blobs):
        if kind != "filled":
            blob.data[...] = values(kind, blob.data.shape, random)
    found = {}
    for step in range(case.steps):
        shapes = case.reshape if step and case.reshape else case.bottoms
        for i, (kind, shape) in enumerate(zip(kinds(case.inputs, len(shapes)), shapes)):
            net.blobs["x%d" % i].reshape(*shape)
            net.blobs["x%d" % i].data[...] = values(kind, shape, random)
        net.forward()
        for name in case.tops:
            found["%d/forward/%s" % (step, name)] = net.blobs[name].data.copy()
        if case.diffs:
            for name in case.tops:
                if not case.force or not net.blob_loss_weights[name]:
                    net.blobs[name].diff[...] = values("normal", net.blobs[name].data.shape, random)
            net.backward()
            for i in range(len(shapes)):
                found["%d/bottom/x%d" % (step, i)] = net.blobs["x%d" % i].diff.copy()
            for i, blob in enumerate(blobs):
                found["%d/param/%d" % (step, i)] = blob.diff.copy()
        for i, blob in enumerate(blobs):
            found["%d/blob/%d" % (step, i)] = blob.data.copy()
    return found


def cases_of(family):
    sys.path.insert(0, str(Path(__file__).parent))
    return importlib.import_module("cases." + family).CASES


def main():
    family, out = sys.argv[1:]
    arrays = {"%s/%s" % (case.name, key): array.astype(np.float32)
              for case in cases_of(family) for key, array in run(case).items()}
    np.savez_compressed(out, **arrays)


if __name__ == "__main__":
    main()
