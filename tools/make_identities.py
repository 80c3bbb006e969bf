"""The data a face verification net is trained on: a folder of images a person, aligned, as an LMDB that Caffe reads.

    data/casia/<person>/<image>.jpg ──> data/identities/aligned/         by align_people.py
                                                        train_lmdb       all faces, shuffled
                                                        train.txt        the same as text: path and label a line
                                                        people.txt       the people in the order of their labels
                                                        identities.json  what it was made from
                                                        train.origin.json   whose faces they are

A label is the person's number in folder order, from 0, people with too few faces not counted. Keys and Datums are byte
for byte those of Caffe's convert_imageset. The LMDB is made again when faces, --least or --seed have changed.
"""
from pain.command import run, starting

with starting(__name__):
    import os
    from pathlib import Path

    from pain.command_line import Parser
    from pain.datasets.lmdbs import HEIGHT, WIDTH
    from pain.errors import Problem
    from pain.faces.aligned_people import left_out
    from pain.training.identities import make_identities


def main():
    parser = Parser(__doc__)
    parser.add_argument("root", help="a folder with a folder of images a person, as CASIA-WebFace and MS-Celeb-1M have")
    parser.add_argument("--out", default="data/identities", help="where it all goes (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(),
                        help="processes, of about 1 GB of memory each (default: %(default)s)")
    parser.add_argument("--aligned", action="store_true",
                        help="the images are aligned faces of %d x %d already: look for none" % (HEIGHT, WIDTH))
    parser.add_argument("--least", type=int, default=2, metavar="N",
                        help="leave out people with fewer faces than N (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the shuffling (default: %(default)s)")
    args = parser.parse_args()
    if args.jobs < 1 or args.least < 1 or not 0 <= args.seed < 2 ** 32:
        raise Problem("--jobs and --least take 1 or more, --seed 0 to 4294967295")
    people, kept, counts = make_identities(args.root, args.out, args.jobs, args.aligned, args.least, args.seed)
    print("%s: %d people of %d, %d faces of %d images" % (
        args.out, len(kept), len(people), sum(map(len, kept.values())), sum(counts.values())),
        *left_out(counts, Path(args.out) / "aligned" / "faces.csv"), sep="\n")
    if len(kept) < len(people):
        print("  left out: %d people with fewer than %d faces, %d faces" % (
            len(people) - len(kept), args.least, counts["detected"] - sum(map(len, kept.values()))))


if __name__ == "__main__":
    run(main)
