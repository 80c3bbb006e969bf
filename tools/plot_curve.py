"""The paper's figure 1 for any video: labelled and predicted intensity, frame by frame.

    python tools/plot_curve.py models/smooth_l1 --subject 042-ll042 --video ll042t1aaaff --out curve.png

Subjects and videos go by name, or by number from 1 in the result's order: `--subject 3 --video 2` is the same video in
our results and in the authors' .mat file, which has only numbers.
"""
from pain.command import run, starting

with starting(__name__):
    import numpy as np

    from pain.command_line import Parser
    from pain.errors import Problem
    from pain.evaluation.frames import full_name
    from pain.evaluation.origins import origin_lines, origin_warning
    from pain.evaluation.paper_figure import draw_paper_figure, find_video
    from pain.evaluation.results import read_results
    from pain.plots import save_figure


def main():
    parser = Parser(__doc__)
    parser.add_argument("results", nargs="+", metavar="RESULT",
                        help="a predictions.csv, a folder tree of them (models/smooth_l1), or the authors' .mat file")
    parser.add_argument("--subject", metavar="NAME", help="name or number from 1 (default: any)")
    parser.add_argument("--video", metavar="NAME", help="name or number, or SUBJECT/VIDEO "
                        "(default: the one whose labels vary most)")
    parser.add_argument("--out", required=True, metavar="FILE.png", help="where the picture goes")
    args = parser.parse_args()
    if not args.out.lower().endswith(".png"):
        raise Problem("%s: a picture is written as PNG; end --out in .png" % args.out)
    results = read_results(args.results)
    first = find_video(results[0], args.subject, args.video)
    asked = (args.subject, args.video) if args.video else (first.subject, first.video)
    videos = [first] + [find_video(result, *asked) for result in results[1:]]
    for result, video in zip(results, videos):
        if not np.array_equal(video.label, first.label):
            raise Problem("%s: other labels for video %s than %s has; draw results of the same labels together"
                          % (result.path, full_name(video), results[0].path))
    save_figure(draw_paper_figure([result.name for result in results], videos, note=origin_warning(results)), args.out,
                bbox_inches="tight")
    how = "" if args.video else ", the video whose labels vary most%s" % (" in that subject" if args.subject else "")
    print("%s: %s, %d frames%s" % (args.out, full_name(first), len(first.label), how))
    for line in origin_lines(results):
        print("nets of " + line)


if __name__ == "__main__":
    run(main)
