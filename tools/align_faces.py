"""Faces found by MTCNN and aligned to caffe-face's 112 x 96 template, video by video.

    data/unbc/Images/<subject>/<video>/<frame>.png ──> data/aligned/<subject>/<video>/<frame>.png
    data/unbc/Frame_Labels/PSPI/...                    data/aligned/<subject>/<video>/frames.csv
                                                       data/aligned/frames.csv      all of them

A frame is `detected`; or `interpolated`: no face was found, its landmarks are those of its neighbours in the video; or
`missing`, with the reason, and then has no aligned image. A video is made in .<video>.partial and renamed when it is
complete; one that is complete and newer than its frames is not made again.
"""
import os
from collections import Counter

from pain.command import Parser, run
from pain.errors import Problem
from pain.faces.aligned_videos import align_faces, compare_with_unbc


def main():
    parser = Parser(__doc__)
    parser.add_argument("root", help="the dataset: a folder with Images and Frame_Labels")
    parser.add_argument("--out", default="data/aligned", help="where the aligned frames go (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(),
                        help="processes, of about 1 GB of memory each (default: %(default)s)")
    args = parser.parse_args()
    if args.jobs < 1:
        raise Problem("--jobs takes 1 or more")
    rows = align_faces(args.root, args.out, args.jobs)
    count = Counter(row[4] for row in rows)
    print("%s: %d frames, %s" % (args.out, len(rows), ", ".join(
        "%d %s" % (count[status], status) for status in ("detected", "interpolated", "missing"))))
    left_out = [row for row in rows if row[4] == "missing"]
    for row in left_out[:20]:
        print("  left out: %s/%s/%s: %s" % (row[0], row[1], row[2], row[5]))
    if len(left_out) > 20:
        print("  left out: and %d more, see %s/frames.csv" % (len(left_out) - 20, args.out))
    for line in compare_with_unbc(rows):
        print("  UNBC: " + line)


if __name__ == "__main__":
    run(main)
