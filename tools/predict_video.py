"""The pain curve of a video: faces found, aligned and rated, frame by frame, in whatever FFmpeg reads.

    python tools/predict_video.py visit.mp4 --model models/smooth_l1_center_l1_sampling --out visit
    python tools/predict_video.py videos/ "more/*.mov" --model models/smooth_l1_center_l1_sampling --out curves

VIDEO is a file, a folder of images, or `-` for standard input. A number is a camera's, which Ctrl-C ends, unless there
is a file or a folder of that name. In --out come

    curve.csv           a row a frame and person, written as the frames are read, and once more, smoothed if asked
                        for, when all is done (pain/video/curve.py says what the columns are)
    curve.about.json    what it is of: the video, the models, the settings
    curve.json          the curve with a summary: mean, peak, time above thresholds, episodes; there once all is done
    curve.png           the same as a picture
    annotated.mp4       with --annotate: the video, with its sound, and boxes, landmarks and the running curve on it

--model takes caffemodels, a fold's folder, or a variant's: of several folds the mean and the spread are given. Ctrl-C
leaves what there is of curve.csv, and --resume goes on from there, or begins where there is nothing yet.

Of several VIDEOs, a folder of videos, a glob or a list each has a folder of its own in --out, whole or not there. The
same command goes on after an interruption, and leaves curves as they are unless their video, the models or the options
have changed. What cannot be rated is named at the end, and the exit status is then 1.
"""
from pain.command import fail, run, starting

with starting(__name__):
    import sys
    import time
    from pathlib import Path

    from pain.command_line import Parser
    from pain.errors import Problem, one_line
    from pain.evaluation.calibration import Calibration
    from pain.files import fingerprint, or_none
    from pain.labels.arguments import add_reading, reading_of
    from pain.labels.reading import read_labels
    from pain.models import find_models, find_net
    from pain.notice import terminal_lines
    from pain.pieces.arguments import add_where, read_where
    from pain.pieces.where import message
    from pain.progress import progress
    from pain.provenance import origin_said
    from pain.video.arguments import add_arguments
    from pain.video.curve_folder import about_curve, finish_curve, finished_with, record_curve, refuse_earlier
    from pain.video.episodes import THRESHOLDS
    from pain.video.estimator import LEAST_FACE, MIN_FACE, load_estimator
    from pain.video.in_words import report_lines
    from pain.video.many import ManyVideos, Options
    from pain.video.named_videos import find_videos, is_single
    from pain.video.smoothing import smoothing
    from pain.video.source import RATE, open_video
    from pain.video.tracking import GAP, MOST_GAP
    from pain.video.video_piece import pieces_of


def arguments():
    """The command line's. Raises Problem for a number that is out of range."""
    parser = Parser(__doc__)
    parser.add_argument("video", nargs="*", metavar="VIDEO", help="a file, a folder of images, - or a camera's number; "
                        "or several, folders of videos, globs, and @LIST for a list of them")
    parser.add_argument("--list", action="append", default=[], metavar="FILE", help="a list of videos, a line each")
    parser.add_argument("--camera", type=int, metavar="N", help="rate this camera, in the place of VIDEO")
    parser.add_argument("--stream", type=int, metavar="N", help="the video's number among the streams of its file, as "
                        "ffprobe counts them (default: the largest picture's)")
    add_arguments(parser)
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="the folder for what comes out")
    earlier = parser.add_mutually_exclusive_group()
    earlier.add_argument("--resume", action="store_true", help="go on with the curve that is in --out, if there is one")
    earlier.add_argument("--overwrite", action="store_true", help="begin again where a curve is in --out")
    parser.add_argument("--annotate", action="store_true", help="write annotated.mp4, too")
    parser.add_argument("--smooth", default="", metavar="KIND:SECONDS",
                        help="fill the column smoothed: gaussian:0.5 (its sigma) or median:0.5 (its window)")
    parser.add_argument("--threshold", type=float, nargs="+", default=list(THRESHOLDS), metavar="INTENSITY",
                        help="of the summary's episodes (default: 1 2 3)")
    parser.add_argument("--labels", metavar="FILE", help="ground truth: CSV, ELAN's or BORIS's, see docs/labels.md")
    add_reading(parser)
    parser.add_argument("--min-face", type=float, default=MIN_FACE, metavar="SHARE",
                        help="the smallest face looked for, of the image's height (default: %(default)s)")
    parser.add_argument("--gap", type=int, default=GAP, metavar="FRAMES",
                        help="how long a lost face's landmarks are interpolated (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=RATE, help="images of a folder a second (default: %(default)s)")
    add_where(parser)
    args = parser.parse_args()
    args.many = bool(args.list) or len(args.video) > 1 or any(not is_single(video) for video in args.video)
    if bool(args.video or args.list) == (args.camera is not None):
        parser.error("name one video, or a --camera")
    if args.many and args.resume:
        parser.error("--resume is for one video; of several each is gone on with anyway")
    if args.where != "here" and not args.many:
        parser.error("--where is for several videos")
    for name, good in ("min-face", LEAST_FACE <= args.min_face <= 1), ("gap", 0 <= args.gap <= MOST_GAP), (
            "rate", 0 < args.rate <= 1e4), ("threshold", all(0 < value <= 5 for value in args.threshold)):
        if not good:
            raise Problem("--%s %s: out of range" % (name, getattr(args, name.replace("-", "_"))))
    return args


def report(curve_csv, rows, summary, rate, min_face):
    """Print what came out: report_lines()."""
    print("\n".join(report_lines(curve_csv, rows, summary, rate, min_face)))


def main():
    args = arguments()
    if not args.many and not args.resume and not args.overwrite:
        refuse_earlier(args.out)
    smoothed_by, models = smoothing(args.smooth), find_models(args.model)
    truth = read_labels(args.labels, reading_of(args)) if args.labels else None
    for note in dict.fromkeys(labels.note for labels in truth or [] if labels.note):
        print(note)
    calibration = Calibration(args.calibration) if args.calibration else None
    if calibration:
        print("%s: %s" % (args.calibration, calibration.check()))
    (rate_many if args.many else rate_one)(args, models, smoothed_by, truth, calibration)


def rate_one(args, models, smoothed_by, truth, calibration):
    """Rate the one video into --out itself."""
    curve_csv = args.out / "curve.csv"
    source = args.video[0] if args.camera is None else args.camera
    with open_video(source, rate=args.rate, stream=args.stream) as video:
        if video.note:
            print(video.note)
        estimator = load_estimator(models, args.net, args.gpu, args.min_face, args.gap, args.track, calibration)
        about = about_curve(video, models, args.min_face, args.gap, args.track, args.calibration,
                            args.net or find_net(models[0]))
        print("\n".join(terminal_lines(origin_said(about))))
        computed, start = 0, time.monotonic()
        try:
            with progress(total=video.count, unit="frame", desc=Path(video.name).name) as bar:
                for frame in record_curve(estimator, video, args.out, about, args.resume, args.annotate,
                                          args.overwrite):
                    bar.update()
                    if frame.computed:
                        computed += 1
                    else:  # the rate is of what is computed here
                        start = time.monotonic()
        except KeyboardInterrupt:
            if not video.live:
                fail("interrupted after %d frames; %s is valid so far%s" % (
                    bar.n, curve_csv, "" if source == "-" else ", and --resume goes on"), status=130)
        rate = computed / (time.monotonic() - start) if computed else None
    rows, summary = finish_curve(args.out, smoothed_by, sorted(args.threshold), truth,
                                 finished_with(labels_file(args), video.damage))
    report(curve_csv, rows, summary, rate, args.min_face)
    if video.damage:
        raise Problem("%s; the curve is of what could be read" % video.damage)


def labels_file(args):
    """What tells --labels, and how they are read, from others, a dict ready for JSON; None without."""
    return or_none(dict(reading_of(args)._asdict(), file=fingerprint(args.labels))) if args.labels else None


def rate_many(args, models, smoothed_by, truth, calibration):
    """Rate every video into a folder of its own below --out, and say at the end which could not be."""
    found = find_videos(args.video, args.list)
    loading = dict(models=models, net=args.net, gpu=args.gpu, min_face=args.min_face, gap=args.gap, track=args.track,
                   calibration=args.calibration)
    estimator = load_estimator(**dict(loading, calibration=calibration))
    print("\n".join(terminal_lines(estimator.nets.origin)))
    many = ManyVideos(estimator, args.out, Options(
        sorted(args.threshold), smoothed_by, truth, labels_file(args), args.annotate, args.rate, args.stream,
        args.calibration, args.overwrite))
    with many.at_work(), read_where(args.where) as where:
        pieces, damaged = pieces_of(many, found.videos, loading)
        start = time.monotonic()
        failed = where.try_all(pieces, "%d videos" % len(found.videos))
    computed = sum(many.computed)
    print("%s: %d videos rated%s; %d left as they were" % (
        one_line(args.out), len(pieces) - len(failed), ", %.1f frames a second" % (
            computed / (time.monotonic() - start)) if computed else "", len(found.videos) - len(pieces)))
    wrong = [*found.wrong.values(), *damaged, *map(message, failed.values())]
    for why in wrong:
        print(one_line(why), file=sys.stderr)
    if wrong:
        fail("%d of %d videos could not be rated, or not whole" % (len(wrong), len(found.videos) + len(found.wrong)), 1)


if __name__ == "__main__":
    run(main)
