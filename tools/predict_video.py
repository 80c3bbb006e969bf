"""The pain curve of a video: faces found, aligned and rated, frame by frame, in whatever FFmpeg reads.

    python tools/predict_video.py visit.mp4 --model models/smooth_l1_center_l1_sampling --out visit

VIDEO is a file, a folder of images, `-` for standard input, or a number, a camera's, which Ctrl-C ends. In --out come

    curve.csv       a row a frame and person, written as the frames are read (tools/curve.py says what the columns are)
    curve.json      the same, with a summary: mean, peak, time above thresholds, episodes; there once all is done
    curve.png       the same as a picture
    annotated.mp4   with --annotate: the video with boxes, landmarks and the running curve

--model takes caffemodels, a fold's folder, or a variant's: of several folds the mean and the spread are given. Ctrl-C
leaves what there is of curve.csv, and --resume goes on from there.
"""
import contextlib
import hashlib
import time
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from annotate import Annotator
from calibration import Calibration
from cli import Parser, Problem, fail, replacing, run
from curve import FACES, CurveWriter, read_curve, write_curve
from curve_plot import draw
from curve_summary import FILTERS, THRESHOLDS, smooth, summary, write_json
from labels import compare, labels, to_draw
from video import RATE, open_video

OUTPUTS = "curve.json", "curve.png", "annotated.mp4"


def predict_video(estimator, video, out, about, resume=False, annotate=False):
    """Write curve.csv, and annotated.mp4 if asked to, of a Video into the folder `out`; yields each frame's number.

    about: what the curve is of, a dict; resume: go on with the curve.csv that is there. Raises Problem. Left early, by
    an exception too, what there is of the curve stays, and nothing of the annotated video.
    """
    writer = CurveWriter(out / "curve.csv", about, resume)
    with contextlib.ExitStack() as closing:
        closing.callback(writer.close)
        for name in OUTPUTS:  # of an earlier run: curve.json stands for a whole curve
            with contextlib.suppress(FileNotFoundError):
                (out / name).unlink()
        annotator = annotate and closing.enter_context(
            Annotator(out / "annotated.mp4", video.width, video.height, video.rate))
        known = closing.enter_context(contextlib.closing(estimator.run(
            video.frames(), writer.rows, writer.next_frame, video.live)))
        for frame, rows in known:
            if frame.number >= writer.next_frame:
                writer.write(rows)
            if annotator:
                annotator.add(frame.image, frame.time, rows)
            yield frame.number


def write_outputs(out, smoothing=None, thresholds=THRESHOLDS, truth=None):
    """Make curve.json and curve.png of the curve.csv in `out`, smoothed as asked. Returns (Rows, summary).

    smoothing: (kind, seconds), one of FILTERS; truth: Labels to compare with, or None.
    """
    about, rows = read_curve(out / "curve.csv")
    if smoothing:
        rows = smooth(rows, *smoothing)
        write_curve(out / "curve.csv", about, rows)
    said = summary(about, rows, thresholds)
    if truth is not None:
        said["agreement"] = compare(rows, truth, "smoothed" if smoothing else "intensity")
    with replacing(out / "curve.png") as partial:
        draw(about, rows, thresholds[0], truth and to_draw(rows, truth)).savefig(str(partial), bbox_inches="tight")
    write_json(out / "curve.json", about, rows, said)
    return rows, said


def described(video, models, args):
    """What a curve depends on, a dict ready for JSON: --resume refuses another."""
    return dict(source=video.name, width=video.width, height=video.height, min_face=args.min_face, gap=args.gap,
                track=args.track, models={str(model): fingerprint(model) for model in models},
                calibration=args.calibration and str(args.calibration))


def fingerprint(path):
    """The first digits of a file's SHA-256."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]


def smoothing(text):
    """--smooth's KIND:SECONDS as a pair, None for ''. Raises Problem when it is none."""
    kind, _, seconds = text.partition(":")
    try:
        if kind in FILTERS and 0 < float(seconds) < 1e6:
            return kind, float(seconds)
    except ValueError:
        pass
    if text:
        raise Problem("--smooth %s: takes %s and seconds, as in gaussian:0.5" % (text, " or ".join(FILTERS)))
    return None


def report(out, rows, said, seconds, computed):
    """Print what came out, a line for the frames and one a person."""
    count = Counter(row.face for row in rows)
    doubts = Counter(row.doubt for row in rows if row.doubt)
    print("%s: %d frames%s; faces: %s%s" % (
        out / "curve.csv", said["frames"], ", %.1f a second" % (computed / seconds) if computed else "",
        ", ".join("%d %s" % (count[face], face) for face in FACES),
        "; doubted for " + ", ".join("%s %d" % pair for pair in doubts.most_common()) if doubts else ""))
    for person in said["people"]:
        mean, peak = person["mean"], person["peak"]
        if mean is None:
            print("  person %d: no intensity" % person["person"])
            continue
        episodes = ", ".join("%d of %g and more" % (len(at["episodes"]), at["at_least"]) for at in person["thresholds"])
        print("  person %d: mean %.2f, peak %.2f at %.1f s; episodes: %s"
              % (person["person"], mean, peak["intensity"], peak["time_s"], episodes))
    if "agreement" in said:
        print("  with the labels, %(frames)d frames: " % said["agreement"] + ", ".join(
            "%s %s" % (name.upper(), "-" if value is None else "%.3f" % value)
            for name, value in said["agreement"].items() if name in ("mae", "mse", "pcc", "wmae", "wmse")))


def main():
    from estimate import GAP, MIN_FACE, find_models, load_estimator
    parser = Parser(__doc__)
    parser.add_argument("video", metavar="VIDEO", help="a file, a folder of images, - or a camera's number")
    parser.add_argument("--model", nargs="+", required=True, metavar="PATH",
                        help="caffemodels, or folders that `make train` has filled")
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder for what comes out")
    parser.add_argument("--net", help="the models' prototxt (default: prototxt/pain_regression.prototxt in a folder "
                                      "above them, else the project's)")
    parser.add_argument("--resume", action="store_true", help="go on with the curve that is in --out")
    parser.add_argument("--track", action="store_true", help="a curve a person, not of the largest face alone")
    parser.add_argument("--annotate", action="store_true", help="write annotated.mp4, too")
    parser.add_argument("--smooth", default="", metavar="KIND:SECONDS",
                        help="fill the column smoothed: gaussian:0.5 (its sigma) or median:0.5 (its window)")
    parser.add_argument("--threshold", type=float, nargs="+", default=list(THRESHOLDS), metavar="INTENSITY",
                        help="of the summary's episodes (default: 1 2 3)")
    parser.add_argument("--labels", metavar="FILE.csv", help="ground truth, columns frame,label or time_s,label")
    parser.add_argument("--calibration", metavar="RESULT", help="predictions.csv of leave-one-subject-out, or a folder "
                        "tree of them: the columns low and high then hold 90 %% of what observers say")
    parser.add_argument("--min-face", type=float, default=MIN_FACE, metavar="SHARE",
                        help="the smallest face looked for, of the image's height (default: %(default)s)")
    parser.add_argument("--gap", type=int, default=GAP, metavar="FRAMES",
                        help="how long a lost face's landmarks are interpolated (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=RATE, help="images of a folder a second (default: %(default)s)")
    parser.add_argument("--gpu", type=int, help="the GPU for the nets (default: the CPU)")
    args = parser.parse_args()
    for name, good in ("min-face", 0.02 <= args.min_face <= 1), ("gap", 0 <= args.gap <= 1000), (
            "rate", 0 < args.rate <= 1e4), ("threshold", all(0 < value <= 5 for value in args.threshold)):
        if not good:
            raise Problem("--%s %s: out of range" % (name, getattr(args, name.replace("-", "_"))))
    filtered, out, models = smoothing(args.smooth), Path(args.out), find_models(args.model)
    truth = labels(args.labels) if args.labels else None
    calibration = Calibration(args.calibration) if args.calibration else None
    if calibration:
        print("%s: %s" % (args.calibration, calibration.check()))

    computed, start = 0, time.monotonic()
    with open_video(args.video, rate=args.rate) as video:
        estimator = load_estimator(models, args.net, args.gpu, args.min_face, args.gap, args.track, calibration)
        start = time.monotonic()
        try:
            with tqdm(total=video.count, unit="frame", desc=Path(video.name).name) as progress:
                for _ in predict_video(estimator, video, out, described(video, models, args), args.resume,
                                       args.annotate):
                    computed += 1
                    progress.update()
        except KeyboardInterrupt:
            if not video.live:
                fail("interrupted after %d frames; %s is valid so far%s" % (
                    computed, out / "curve.csv", "" if args.video == "-" else ", and --resume goes on"), status=130)
        damage = video.damage
    rows, said = write_outputs(out, filtered, sorted(args.threshold), truth)
    report(out, rows, said, time.monotonic() - start, computed)
    if damage:
        raise Problem("%s; the curve is of what could be read" % damage)


if __name__ == "__main__":
    run(main)
