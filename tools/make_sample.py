"""A short video to try things on: a drawn subject who grimaces, with labels right by construction.

    python tools/make_sample.py sample.mp4      writes sample.mp4 and, of the same frames, sample.csv: frame,label

H.264, or else MPEG-4, at 25 frames a second. The same every time.
"""
from pain.command import run, starting

with starting(__name__):
    from pathlib import Path

    from pain.command_line import Parser
    from pain.errors import Problem
    from pain.files import replacing, write_csv
    from pain.video.sample import RATE, SECONDS, draw, write_video


def main():
    parser = Parser(__doc__)
    parser.add_argument("out", metavar="OUT.mp4", help="the video to write; its labels go beside it, as OUT.csv")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="its length (default: %(default)s)")
    args = parser.parse_args()
    out = Path(args.out)
    if out.suffix.lower() != ".mp4":
        raise Problem("%s: the video is an MP4; end its name in .mp4" % out)
    if args.seconds < 1:
        raise Problem("--seconds takes 1 or more")
    labels = []

    def images():
        for image, label in draw(frames=RATE * args.seconds):
            labels.append(label)
            yield image

    with replacing(out) as partial:
        write_video(partial, images())
    write_csv(out.with_suffix(".csv"), ("frame", "label"), enumerate(labels))
    print("%s: %d frames, intensities %d to %d" % (out, len(labels), min(labels), max(labels)))


if __name__ == "__main__":
    run(main)
