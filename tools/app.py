"""A page for videos: drop one, watch its pain curve grow, and read video and curve in step; or a camera, live.

    python tools/app.py --model models/smooth_l1 --sample sample.mp4      then open the address that is printed

It serves this machine only (127.0.0.1). With --host it listens elsewhere, and then asks for a token. Videos are written
to a private folder, estimated one after the other, and removed --keep-minutes after their last use, the oldest before
that where all have more than --quota-mb, and all at the end, however this ends. What people mark goes with them.

    GET    /                          the page, of pain/page/static/
    GET    /api                       what the page needs to know
    GET    /api/jobs                  the session's Jobs, {id, name, state, ...}, and how full it is; no use of them
    PUT    /api/jobs?name=NAME        the video as body; a Job. options=JSON: pain/page/options.py says which there are
    POST   /api/sample                a Job of the built-in sample
    GET    /api/jobs/ID               how far it is; HEAD: whether it is still here, which is no use of it
    DELETE /api/jobs/ID               cancel and remove it
    POST   /api/jobs/ID/place?to=N    let it be the Nth of those that wait
    POST   /api/jobs/ID/again         a Job of the same video, with other options
    GET    /api/jobs/ID/rows?from=N   the rows of its curve from byte N of the file, and where the next ones begin
    GET    /api/jobs/ID/marks         the episodes and labels kept beside it; PUT ID/episodes, ID/labels?name=NAME
    POST   /api/jobs/ID/annotated     make annotated.mp4
    GET    /api/jobs/ID/curve.csv     and curve.json, annotated.mp4, labels.csv; ID/video: the video, in ranges
    GET    /api/study.csv             a table of the session's curves; /api/session.zip: all that was made
    POST   /api/curve                 the rows of a curve.csv
    socket /api/live                  a JPEG picture each way in turn with its rows

pain/page/origin_guard.py says who may ask; jobs.py there does the work.
"""
from pain.command import run, starting

with starting(__name__):
    import contextlib
    import re
    import secrets
    import signal
    from pathlib import Path
    from urllib.parse import quote

    from pain.command_line import Parser
    from pain.errors import Problem
    from pain.notice import terminal_lines
    from pain.page.jobs import QUOTA
    from pain.page.model_card import short_names
    from pain.page.options import USUAL, with_options
    from pain.page.origin_guard import is_loopback
    from pain.page.server import MB, create_app, listen, server
    from pain.page.worker import Nets
    from pain.provenance import origin_said
    from pain.video.arguments import add_arguments


def arguments():
    """The command line's, with a token where one is needed. Raises Problem for one that cannot be."""
    parser = Parser(__doc__)
    add_arguments(parser)
    parser.add_argument("--compare", action="append", default=[], metavar="PATH", help="other nets that videos can be "
                        "rated with, a caffemodel or a folder as of --model; may be given several times")
    parser.add_argument("--sample", metavar="FILE.mp4", help="a video that the page offers; FILE.csv has its labels")
    parser.add_argument("--host", default="127.0.0.1", help="the address to serve (default %(default)s)")
    parser.add_argument("--port", type=int, default=8765, help="default %(default)s")
    parser.add_argument("--token", help="what a browser must show, 16 characters or more (default: a random one where "
                        "other machines can reach --host, else none)")
    parser.add_argument("--max-mb", type=int, default=2000, help="the largest video taken (default %(default)s)")
    parser.add_argument("--quota-mb", type=int, default=QUOTA // MB, help="what all videos may have together, with "
                        "their curves; the unused are removed first (default %(default)s)")
    parser.add_argument("--keep-minutes", type=float, default=60, help="videos and curves are removed this long after "
                        "their last use (default %(default)s)")
    args = parser.parse_args()
    args.token = args.token or (None if is_loopback(args.host) else secrets.token_urlsafe(24))
    if args.token and not re.fullmatch("[ -~]{16,}", args.token):
        raise Problem("--token: give 16 characters or more, letters, digits and the like of ASCII, or leave it out for "
                      "a random one")
    if not 0 <= args.port < 1 << 16:
        raise Problem("--port %d: a port is 0, for any that is free, to 65535" % args.port)
    if not 1 <= args.max_mb <= 10 ** 6:
        raise Problem("--max-mb %d: must be above 0, and at most a million" % args.max_mb)
    if not 1 <= args.quota_mb <= 10 ** 9:
        raise Problem("--quota-mb %d: must be above 0, and at most a billion" % args.quota_mb)
    if not 0.01 <= args.keep_minutes <= 60 * 24 * 366:  # NaN is neither
        raise Problem("--keep-minutes %s: must be above 0, 0.01 or more, and at most a year" % args.keep_minutes)
    args.names = short_names([Path(path).absolute() for path in (args.model[0], *args.compare)], 1)
    if len({*args.names}) <= len(args.compare):
        raise Problem("--compare %s: the same nets twice; name others" % " ".join(args.compare))
    if args.sample and not Path(args.sample).is_file():
        raise Problem("%s: no such file; make it with `tools/make_sample.py %s`" % (args.sample, args.sample))
    return args


def main():
    args = arguments()
    from pain.evaluation.calibration import Calibration  # these take a while, and what is wrong above is said at once
    from pain.models import find_models
    from pain.video.curve_folder import about_nets
    from pain.video.estimator import load_estimator
    models, others = find_models(args.model), [find_models([path]) for path in args.compare]
    calibration = Calibration(args.calibration) if args.calibration else None
    about = dict(about_nets(models), track=args.track, calibration=args.calibration)
    with listen(args.host, args.port) as listening:
        port = listening.getsockname()[1]
        estimator = load_estimator(models, args.net, args.gpu, track=args.track, calibration=calibration)
        others = {name: Nets(load_estimator(found, args.net, args.gpu, track=args.track), about_nets(found))
                  for name, found in zip(args.names[1:], others)}
        app = create_app(estimator, args.host, port, args.token, args.sample, most=args.max_mb * MB,
                         keep=60 * args.keep_minutes, about=about, quota=args.quota_mb * MB,
                         usual=USUAL._replace(model=args.names[0], track=args.track), with_options=with_options,
                         others=others)
        host = "[%s]" % args.host if ":" in args.host else args.host
        query = "?token=" + quote(args.token) if args.token else ""
        print("http://%s:%d/%s  (Ctrl-C ends it)" % (host, port, query), flush=True)
        for said in [about, *(nets.about for nets in others.values())]:
            print("\n".join(terminal_lines(origin_said(said))), flush=True)
        serving = server(app)
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup has it
            signal.signal(signal.SIGHUP, serving.handle_exit)  # as it takes SIGTERM
        with contextlib.suppress(KeyboardInterrupt):
            serving.run(sockets=[listening])


if __name__ == "__main__":
    run(main)
