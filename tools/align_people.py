"""Faces found by MTCNN and aligned to caffe-face's 112 x 96 template, of a folder of images a person.

    data/casia/<person>/<image>.jpg ──> data/identities/aligned/<person>/<image>.png
                                        data/identities/aligned/<person>/faces.csv
                                        data/identities/aligned/faces.csv      all of them

An image, of any type that Pillow reads, is `detected`; or `missing`, with the reason, and then has no aligned face. Of
several faces the one nearest the image's centre is taken. A person is made in .<person>.partial and renamed when it is
complete; one that is complete and newer than its images is not made again.
"""
from pain.command import run, starting

with starting(__name__):
    import os
    from pathlib import Path

    from pain.command_line import Parser
    from pain.errors import Problem
    from pain.faces.aligned_people import align_people, left_out, list_faces, write_faces
    from pain.faces.photographs import list_people
    from pain.pieces.arguments import add_where, read_where


def main():
    parser = Parser(__doc__)
    parser.add_argument("root", help="a folder with a folder of images a person")
    parser.add_argument("--out", required=True, help="where the aligned faces go")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(),
                        help="processes, of about 1 GB of memory each (default: %(default)s)")
    add_where(parser)
    args = parser.parse_args()
    if args.jobs < 1:
        raise Problem("--jobs takes 1 or more")
    people = list_people(args.root)
    with read_where(args.where, args.jobs) as where:
        align_people(args.root, args.out, people, where)
    write_faces(args.out, people)
    _, counts = list_faces(args.out, people)
    print("%s: %d people, %d images, %d faces" % (args.out, len(people), sum(counts.values()), counts["detected"]),
          *left_out(counts, Path(args.out) / "faces.csv"), sep="\n")


if __name__ == "__main__":
    run(main)
