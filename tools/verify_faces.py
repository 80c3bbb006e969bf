"""How well a face verification net tells people apart: LFW's protocol on any folder laid out as LFW.

    <root>/<name>/<name>_0001.jpg, <root>/pairs.txt ──> models/verification/<root>/roc.csv, roc.png

Faces are aligned as align_people.py does. Every pair is scored: of an image without a found face the middle is taken.
A pair's score is the cosine of the two images' features, each the net's `fc5` of the face and of its mirror image. With
--pca they are projected first, on axes of the images in the other sets' pairs alone.

pairs.txt begins with a line `sets pairs` (LFW: 10 300); then follow, set by set, as many lines `name i j`, two images
of one person, and as many `name i name j`, of two. With `pairs` alone (LFW's view 1) there is one set. No other then
says which threshold to take: accuracy is that of the best one on these very pairs, an upper bound.

Run by the Python of the caffe that is to do it. pain/evaluation/verification.py defines every figure.
"""
from pain.command import run, starting

with starting(__name__):
    import json
    import os
    from pathlib import Path

    from pain.command_line import Parser
    from pain.errors import Problem
    from pain.evaluation.lfw import NET, lines_of, verify_faces, write_roc
    from pain.files import or_none, replacing
    from pain.nets import use_gpu


def main():
    parser = Parser(__doc__)
    parser.add_argument("root", help="a folder in LFW's layout")
    parser.add_argument("--model", metavar="FILE.caffemodel", help="the weights")
    parser.add_argument("--untrained", type=int, metavar="SEED", help="instead: random weights, to compare with")
    parser.add_argument("--net", default=NET, help="the net (default: %(default)s)")
    parser.add_argument("--pairs", metavar="FILE", help="the pairs (default: ROOT/pairs.txt)")
    parser.add_argument("--pca", type=int, metavar="N", help="project the features on N principal axes first")
    parser.add_argument("--aligned", metavar="DIR",
                        help="where aligned faces are, or are put (default: data/verification/<name of ROOT>)")
    parser.add_argument("--out", metavar="DIR",
                        help="where the ROC goes (default: models/verification/<name of ROOT>)")
    parser.add_argument("--json", metavar="FILE", help="write the figures as JSON, too")
    parser.add_argument("--gpu", type=int, help="the GPU to run the net on (default: the CPU)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes to align in (default: %(default)s)")
    args = parser.parse_args()
    if (args.model is None) == (args.untrained is None):
        raise Problem("name either --model FILE.caffemodel or --untrained SEED")
    if args.jobs < 1 or not 0 <= (args.untrained or 0) < 2 ** 31:
        raise Problem("--jobs takes 1 or more, --untrained 0 to 2147483647")
    if args.gpu is not None:
        use_gpu(args.gpu)
    place = Path("verification") / Path(args.root).resolve().name
    out = Path(args.out or "models" / place)
    figures, scores, same = verify_faces(
        args.root, args.pairs or Path(args.root) / "pairs.txt", args.net, args.model,
        args.aligned or "data" / place, args.untrained or 0, args.pca, args.jobs)
    write_roc(out, same, scores, "AUC %.4f, EER %.2f %%" % (figures["auc"], 100 * figures["eer"]))
    if args.json:
        with replacing(args.json) as partial:
            partial.write_text(json.dumps(or_none(figures), indent=1, sort_keys=True) + "\n")
    print("%s: %s, %d pairs of %d images%s" % (
        args.root, args.model or "random weights of seed %d" % args.untrained, figures["pairs"], figures["images"],
        "; %d without a found face, cropped in the middle" % figures["cropped"] if figures["cropped"] else ""))
    print("\n".join(lines_of(figures)))
    print("  ROC in %s and roc.png" % (out / "roc.csv"))


if __name__ == "__main__":
    run(main)
