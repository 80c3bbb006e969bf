"""Which layers of a net a caffemodel fills, layer by layer, as Caffe's copying by name decides.

    filled     the file has the layer, with blobs of the net's shapes
    random     the file does not have it: its weights stay as the net's fillers make them
    refused    the file has it with other blobs: Caffe stops

Reads caffemodels of all formats: today's, the older V1 and V0, and HDF5. The exit status is 0 if something is filled
and nothing refused, else 1; weights that are no numbers (NaN) are an error. tools/train.py and tools/predict.py go by
the same rules.
"""
from pain.command import run, starting

with starting(__name__):
    import sys

    from pain.command_line import Parser
    from pain.models import find_net
    from pain.nets import build_net, copy_weights
    from pain.weights import count, listed, match, names, read_blobs, shapes_text, summary


def main():
    parser = Parser(__doc__)
    parser.add_argument("file", help="caffemodel, or caffemodel.h5")
    parser.add_argument("--net", help="its prototxt (default: prototxt/pain_regression.prototxt in a folder above it, "
                                      "else the project's)")
    parser.add_argument("--stage", nargs="*", default=["deploy"],
                        help="the stages to build the net in, in phase TEST (default: deploy)")
    args = parser.parse_args()
    stored = read_blobs(args.file)
    net = build_net(args.net or find_net(args.file), args.stage)
    layers = match(net, stored)
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
    if not filled or names(layers, "refused"):
        sys.exit(1)
    copy_weights(net, args.file)


if __name__ == "__main__":
    run(main)
