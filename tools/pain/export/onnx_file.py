"""A trained net as an ONNX file that says where it is from."""
import json
import re
import shlex
from pathlib import Path

import caffe
import onnx

from pain.errors import Problem
from pain.export.convert import convert
from pain.export.proof import INNER_TOLERANCE, TOLERANCE, compare
from pain.files import replacing, sha256
from pain.nets import load_net
from pain.notice import notice
from pain.provenance import as_dict, read_origin

OUTPUTS = {
    "intensity": "N x 1, float32: the pain a face shows, 0 (none) to 5, on the scale of PSPI with 4 and 5 as 4, and 6 "
                 "to 16 as 5",
    "fc5": "N x 512, float32: the features by which caffe-face's net tells people apart; compare them by their cosine",
}
INPUT = ("pixels: N x 3 x 112 x 96, float32: blue, green, red, 0..255, of a face aligned to the template. "
         "The normalisation, (pixels - 127.5) / 128, is in the net")


def describe(net, weights, net_file):
    """The metadata, a dict of strings: how to use the net, and how its weights, the file `weights`, came about."""
    weights, origin = Path(weights), read_origin(weights)
    texts = {
        "warning": notice(origin),
        "origin": json.dumps(as_dict(origin)),
        "net": Path(net_file).name,
        "caffemodel": weights.name,
        "caffemodel_sha256": sha256(weights),
        "made_with": "onnx %s, caffe %s" % (onnx.__version__, caffe.__version__),
    }
    return {**texts, **how_to_use(net), **how_trained(weights)}


def how_to_use(net):
    """What goes into the net and what comes out, as far as it is known: a dict of strings."""
    texts = {}
    if list(net.inputs) == ["pixels"]:
        from pain.faces.alignment import LANDMARKS, SHAPE, TEMPLATE
        texts["input"] = INPUT
        texts["alignment"] = json.dumps({
            "transform": "the least-squares similarity of a face's landmarks to the template's",
            "size": dict(zip(("height", "width"), SHAPE)),
            "template": {name: point.round(4).tolist() for name, point in zip(LANDMARKS, TEMPLATE)},
            "unit": "pixels (x, y), the centre of the first pixel being 0"})
    texts.update(("output " + name, OUTPUTS[name]) for name in net.outputs if name in OUTPUTS)
    return texts


def how_trained(weights):
    """The iteration of a snapshot, and the command, the fold and the solver that the log beside it tells of: a dict."""
    texts = {}
    iteration = re.search(r"_iter_(\d+)\.caffemodel", weights.name)
    if iteration:
        texts["iteration"] = iteration.group(1)
    log = weights.parent / "train.log"
    if log.exists():
        with open(str(log), errors="replace") as file:
            texts["command"] = file.readline().strip()
        texts["fold"] = weights.resolve().parent.name
        try:
            words = shlex.split(texts["command"])
            texts["solver"] = (weights.parent / words[words.index("-solver") + 1]).read_text()
        except (ValueError, IndexError, OSError):  # a log that says something else; a solver that is gone
            pass
    return texts


def export(weights, net_file, out, stages=("deploy",)):
    """Write the net with the caffemodel's weights to the ONNX file `out`. Returns compare()'s differences.

    Raises Problem when the weights are of another net, a layer has no ONNX, or ONNX Runtime differs from caffe.
    """
    net = load_net(net_file, weights, stages)
    model = convert(net, Path(net_file).stem)
    texts = describe(net, weights, net_file)
    model.doc_string = "\n".join(texts[key] for key in sorted(texts) if key.startswith(("input", "output", "warning")))
    onnx.helper.set_model_props(model, texts)
    differences = compare(net, model)
    for name, difference in differences.items():
        most = TOLERANCE if name in net.outputs else INNER_TOLERANCE
        if not difference <= most:
            raise Problem("%s: not exported: ONNX Runtime's %s differs from caffe's by %.2g of its scale, more than %g"
                          % (weights, name, difference, most))
    with replacing(out) as partial:
        onnx.save(model, str(partial))
    return differences
