"""Faces found by MTCNN and aligned to caffe-face's 112 x 96 template, video by video.

    data/unbc/Images/<subject>/<video>/<frame>.png ──> data/aligned/<subject>/<video>/<frame>.png    .jpg, too
    data/unbc/Frame_Labels/PSPI/...                    data/aligned/<subject>/<video>/frames.csv
                                                       data/aligned/frames.csv      all of them
                                                       data/aligned/frames.origin.json   whose they are

A frame is `detected`; or `interpolated`: no face was found, its landmarks are those of its neighbours in the video; or
`missing`, with the reason, and then has no aligned image. A video is made in .<video>.partial and renamed when it is
complete; one that is complete and newer than its frames is not made again.
"""
from pain.command import run, starting

with starting(__name__):
    import os

    from pain.command_line import Parser
    from pain.errors import Problem
    from pain.faces.aligned_videos import align_faces, files_left_out, summary
    from pain.pieces.arguments import add_where, read_where


def main():
    parser = Parser(__doc__)
    parser.add_argument("root", help="the dataset: a folder with Images and Frame_Labels")
    parser.add_argument("--out", default="data/aligned", help="where the aligned frames go (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(),
                        help="processes, of about 1 GB of memory each (default: %(default)s)")
    add_where(parser)
    args = parser.parse_args()
    if args.jobs < 1:
        raise Problem("--jobs takes 1 or more")
    with read_where(args.where, args.jobs) as where:
        rows = align_faces(args.root, args.out, where)
    print("\n".join(summary(rows, args.out) + files_left_out(args.root)))


if __name__ == "__main__":
    run(main)
