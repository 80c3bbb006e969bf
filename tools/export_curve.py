"""A pain curve for other programs: ELAN, BORIS, and subtitles for any player.

    python tools/export_curve.py curves/visit --to eaf vtt

CURVE is a folder of tools/predict_video.py, or a curve.csv. Into it, or into --out, come

    curve.eaf           eaf: for ELAN, a tier for each person's intensity and for the episodes of each threshold
    curve.elan.txt      tab: the same as tab-delimited text that ELAN imports
    curve.boris.csv     boris: the same as BORIS's tabular events
    curve.vtt           vtt: WebVTT subtitles with the intensity

Times are a player's clock.
"""
from pain.command import run, starting

with starting(__name__):
    from pathlib import Path

    from pain.command_line import Parser
    from pain.errors import Problem
    from pain.notice import terminal_lines
    from pain.video.episodes import THRESHOLDS, check_above
    from pain.video.exports import FORMS, STEP, write_exports
    from pain.video.whole_curve import read_curve


def main():
    parser = Parser(__doc__)
    parser.add_argument("curve", type=Path, metavar="CURVE", help="a folder with a curve in it, or a curve.csv")
    parser.add_argument("--to", nargs="+", choices=list(FORMS), default=list(FORMS),
                        help="what to write (default: all)")
    parser.add_argument("--above", type=float, nargs="+", default=list(THRESHOLDS), metavar="INTENSITY",
                        help="of the episodes (default: 1 2 3)")
    parser.add_argument("--step", type=float, default=STEP, metavar="INTENSITY",
                        help="to what the intensity is rounded (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to (default: beside the curve)")
    args = parser.parse_args()
    check_above(args.above)
    if not 0.01 <= args.step <= 5:
        raise Problem("--step %g: out of range; a step is 0.01 to 5" % args.step)
    curve = read_curve(args.curve)
    folder = args.out or (args.curve if args.curve.is_dir() else args.curve.parent)
    made = write_exports(curve, folder, list(dict.fromkeys(args.to)), sorted(set(args.above)), args.step)
    print("\n".join(map(str, made)))
    print("\n".join(terminal_lines(curve.origin)))


if __name__ == "__main__":
    run(main)
