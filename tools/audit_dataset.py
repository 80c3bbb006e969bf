"""What is wrong with a dataset in UNBC's layout, and whether it matters for the paper's figures.

    python tools/audit_dataset.py data/unbc --aligned data/aligned

    ok     PSPI labels: 48398, one for each frame
    wrong  sizes: 2 frames are not 320 x 240 or 352 x 240: 042-ll042/ll042t1aaaff/ll042t1aaaff007 is 640 x 480, ...
           matters: no; faces are searched for in any size, the smallest in proportion

The archive itself, known by its first subject, is compared with what is known of it (pain/datasets/unbc.py); any other
data only with itself. The exit status is 1 if anything is wrong that may change the paper's figures.
"""
from pain.command import run, starting

with starting(__name__):
    import os
    import sys

    from pain.command_line import Parser
    from pain.datasets.audit import audit, lines_of, may_change_figures
    from pain.datasets.inventory import faces_of_aligned, find_faces, read_dataset
    from pain.errors import Problem
    from pain.faces.detector import FaceDetector


def main():
    parser = Parser(__doc__)
    parser.add_argument("root", help="the dataset: a folder with Images and Frame_Labels")
    parser.add_argument("--aligned", metavar="FOLDER", help="take from make align's folder where faces were found")
    parser.add_argument("--faces", action="store_true", help="look for faces in every frame, which takes long")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(),
                        help="threads that read images (default: %(default)s)")
    args = parser.parse_args()
    if args.jobs < 1:
        raise Problem("--jobs takes 1 or more")
    if args.aligned and args.faces:
        raise Problem("--faces looks for faces itself; leave out --aligned")
    dataset = read_dataset(args.root, args.jobs, faces_of_aligned(args.aligned) if args.aligned else None)
    if args.faces:
        dataset = find_faces(dataset, FaceDetector(args.jobs))
    findings = audit(dataset)
    print("\n".join(lines_of(findings)))
    sys.stdout.flush()
    if any(map(may_change_figures, findings)):
        sys.exit(1)


if __name__ == "__main__":
    run(main)
