"""Leave-one-subject-out folds of aligned frames, as LMDBs that Caffe reads.

    data/aligned/frames.csv ──> data/folds/NN-subject/val_lmdb     every frame of the subject, in order
                                                      train_lmdb   the other subjects' frames, redundant ones left
                                                                   out, shuffled
                                                      val.txt, train.txt   the same as text: path and label a line
                                                      fold.json    what it was made from
                                                      train.origin.json   whose frames they are

Keys and Datums are byte for byte those of Caffe's convert_imageset. Every image is decoded once, into its subject's
val_lmdb, from which the train_lmdbs copy it. A fold is built in .NN-subject.partial, and renamed when it is complete.
"""
import os
from pathlib import Path

from pain.command import Parser, run, starting

with starting(__name__):
    import numpy as np

    from pain.datasets.folds import make_folds
    from pain.datasets.pspi import CLASSES
    from pain.datasets.redundant_frames import RULES
    from pain.errors import Problem
    from pain.provenance import UNKNOWN, read_origin


def main():
    parser = Parser(__doc__)
    parser.add_argument("--aligned", default="data/aligned", help="where `make align` put them (default: %(default)s)")
    parser.add_argument("--out", default="data/folds", help="where the folds go (default: %(default)s)")
    parser.add_argument("--redundant", choices=RULES, default="code",
                        help="which frames training leaves out: by the authors' code, the paper's words, or none")
    parser.add_argument("--seed", type=int, default=1, help="of the shuffling (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="decoding processes (default: %(default)s)")
    args = parser.parse_args()
    if args.seed < 0 or args.jobs < 1:
        raise Problem("--seed takes 0 or more, --jobs 1 or more")
    subjects = make_folds(args.aligned, args.out, args.redundant, args.seed, args.jobs)
    labels = np.concatenate([subject.labels for subject in subjects])
    keep = np.concatenate([subject.keep for subject in subjects])
    print("%s: %d folds of %d frames, %d of them not redundant" % (args.out, len(subjects), len(labels), keep.sum()))
    if read_origin(Path(args.aligned) / "frames.csv").kind == UNKNOWN:
        print("  of unknown origin, and so will be nets trained on them: no record of `make align` fits %s/frames.csv"
              % args.aligned)
    print("  intensity      " + "".join("%8d" % intensity for intensity in range(CLASSES)))
    for what, some in ("all frames", labels), ("for training", labels[keep]):
        print("  %-15s" % what + "".join("%8d" % count for count in np.bincount(some, minlength=CLASSES)))


if __name__ == "__main__":
    run(main)
