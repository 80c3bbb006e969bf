"""Folds of aligned frames that leave out one subject each, or several, as LMDBs that Caffe reads.

    data/aligned/frames.csv ──> data/folds/NN-subject/val_lmdb     every frame of the subject, in order
                                                      train_lmdb   the other subjects' frames, redundant ones left
                                                                   out, shuffled
                                                      val.txt, train.txt   the same as text: path and label a line
                                                      fold.json    what it was made from
                                                      train.origin.json   whose frames they are

With --folds 5 there are five, 01-of-5 to 05-of-5, which leave out several subjects each, whom fold.json names: nobody
is in two, and frames, and frames that show pain, are shared out as evenly as whole subjects allow.

Keys and Datums are byte for byte those of Caffe's convert_imageset. Every image is decoded once, into its val_lmdb,
from which the train_lmdbs copy it. A fold is built in .NN-subject.partial, and renamed when it is complete.
"""
from pain.command import run, starting

with starting(__name__):
    import os
    from pathlib import Path

    import numpy as np

    from pain.command_line import Parser
    from pain.datasets.folds import make_folds
    from pain.datasets.pspi import CLASSES
    from pain.datasets.redundant_frames import RULES
    from pain.errors import Problem
    from pain.provenance import UNKNOWN, read_origin


def main():
    parser = Parser(__doc__)
    parser.add_argument("--aligned", default="data/aligned", help="where `make align` put them (default: %(default)s)")
    parser.add_argument("--out", default="data/folds", help="where the folds go (default: %(default)s)")
    parser.add_argument("--folds", type=int, metavar="K", help="how many, 2 to as many as there are subjects (default: "
                        "one a subject)")
    parser.add_argument("--redundant", choices=RULES, default="code",
                        help="which frames training leaves out: by the authors' code, the paper's words, or none")
    parser.add_argument("--seed", type=int, default=1, help="of the shuffling (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="decoding processes (default: %(default)s)")
    args = parser.parse_args()
    if args.seed < 0 or args.jobs < 1:
        raise Problem("--seed takes 0 or more, --jobs 1 or more")
    parts = make_folds(args.aligned, args.out, args.redundant, args.seed, args.jobs, args.folds)
    labels, keep = (np.concatenate(columns) for columns in zip(*((part.labels, part.keep) for part in parts)))
    print("%s: %d folds of %d frames, %d of them not redundant" % (args.out, len(parts), len(labels), keep.sum()))
    for number, part in enumerate(parts if args.folds else (), 1):
        print("  fold %d leaves out %d frames, %d of them with pain, of %s" % (
            number, len(part.labels), (part.labels > 0).sum(), ", ".join(part.subjects)))
    if read_origin(Path(args.aligned) / "frames.csv").kind == UNKNOWN:
        print("  of unknown origin, and so will be nets trained on them: no record of `make align` fits %s/frames.csv"
              % args.aligned)
    print("  intensity      " + "".join("%8d" % intensity for intensity in range(CLASSES)))
    for what, some in ("all frames", labels), ("for training", labels[keep]):
        print("  %-15s" % what + "".join("%8d" % count for count in np.bincount(some, minlength=CLASSES)))


if __name__ == "__main__":
    run(main)
