"""Export trained nets to ONNX, for programs without Caffe, and prove that they compute what caffe computes.

    models/<variant>/NN-subject/pain_iter_N.caffemodel ──> pain_iter_N.onnx beside it, or --out

The net of phase TEST and stage deploy, with a batch of any size: `pixels` in, `intensity` or, of the verification net,
`fc5` out. Nothing is written unless ONNX Runtime gives the same as caffe. How to prepare the pixels, what the output
means and where the weights come from, by their record, stand in the file's metadata; they are read with

    onnxruntime.InferenceSession(FILE).get_modelmeta().custom_metadata_map
"""
from pain.command import run, starting

with starting(__name__):
    from pathlib import Path

    from pain.command_line import Parser
    from pain.errors import Problem
    from pain.export.onnx_file import export
    from pain.progress import progress, write


def main():
    parser = Parser(__doc__)
    parser.add_argument("models", nargs="+", metavar="MODEL.caffemodel", help="the weights, of one fold or of several")
    parser.add_argument("--net", default="prototxt/pain_regression.prototxt", help="their net (default: %(default)s)")
    parser.add_argument("--stage", nargs="*", default=["deploy"], help="the net's stages (default: deploy)")
    parser.add_argument("--out", help="the ONNX file (default: beside the caffemodel, of its name)")
    args = parser.parse_args()
    if args.out and len(args.models) > 1:
        raise Problem("--out is for one model; here are %d" % len(args.models))
    for weights in progress(args.models, unit="model", desc="export"):
        out = Path(args.out or Path(weights).with_suffix(".onnx"))
        if out.exists() and any(Path(name).exists() and out.samefile(name) for name in (weights, args.net)):
            raise Problem("%s: would be overwritten; name another file with --out" % out)
        differences = export(weights, args.net, out, args.stage)
        output, worst = next(iter(differences)), max(differences, key=differences.get)
        write("%s: %s differs from caffe's by %.1e of its scale, no blob by more than %.1e (%s)"
              % (out, output, differences[output], differences[worst], worst))


if __name__ == "__main__":
    run(main)
