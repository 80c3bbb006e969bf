"""What comes out of a video: the curve's files, the annotated video."""
import contextlib

from pain.files import fingerprint, replacing
from pain.video.annotate import Annotator
from pain.video.curve import CurveWriter, read_curve, write_curve
from pain.video.episodes import THRESHOLDS
from pain.video.labels import compare, to_draw
from pain.video.plot import draw
from pain.video.smoothing import smooth
from pain.video.summary import summary, write_json

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
