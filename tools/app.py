"""A page for videos: drop one, watch its pain curve grow, and read video and curve in step; or a camera, live.

    python tools/app.py --model models/smooth_l1 --sample sample.mp4      then open the address that is printed

It serves this machine only (127.0.0.1). With --host it listens elsewhere, and then asks for a token. Videos are written
to a private folder, estimated one after the other, and removed --keep-minutes after their last use and at the end.

    GET    /                          the page, of app_page/
    GET    /api                       what the page needs to know
    PUT    /api/jobs?name=NAME        the video as body; a Job: {id, state, ...}
    POST   /api/sample                a Job of the built-in sample
    GET    /api/jobs/ID               how far it is
    GET    /api/jobs/ID/rows?from=N   the rows of its curve from byte N of the file, and where the next ones begin
    GET    /api/jobs/ID/curve.csv     the curve, ID/video: the video, in ranges, ID/labels.csv: the sample's labels
    DELETE /api/jobs/ID               cancel and remove it
    socket /api/live                  a JPEG picture each way in turn with its rows

guard.py says who may ask; jobs.py does the work.
"""
import asyncio
import contextlib
import csv
import io
import secrets
import shutil
import socket
import time
from pathlib import Path

import numpy as np
import uvicorn
from PIL import Image
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

import curve
from cli import Parser, Problem, run
from guard import Guard, is_loopback
from jobs import QUEUE, RUNNING, Full, Jobs, Worker

PAGE = Path(__file__).resolve().parent / "app_page"
FILES = {"/": ("index.html", "text/html"), "/style.css": ("style.css", "text/css"),
         "/app.js": ("app.js", "text/javascript"), "/curve.js": ("curve.js", "text/javascript")}
MB = 10 ** 6
SPARE = 500 * MB  # of the disk, which uploads leave free
ROWS = 2000  # rows of a curve sent at a time
PICTURE = 4 * MB, 1920  # bytes and pixels each way that a live picture may have
BEGINNINGS = (4, b"ftyp", "video/mp4"), (0, b"\x1aE\xdf\xa3", "video/webm"), (0, b"OggS", "video/ogg"), (
    0, b"RIFF", "video/x-msvideo"), (0, b"\0\0\1\xba", "video/mpeg")


def compact(rows):
    """Rows of a curve as lists in the order of Row's fields, for JSON: face by number, None for what is not there."""
    def number(value, digits=6):
        return None if value is None or np.isnan(value) else round(float(value), digits)

    def numbers(values):
        return None if values is None else [round(float(value), 1) for value in np.ravel(values)]
    return [[row.frame, number(row.time), row.person, curve.FACES.index(row.face), numbers(row.box),
             number(row.confidence), numbers(row.landmarks), row.doubt, *map(number, row[8:])] for row in rows]


def rows_from(path, offset):
    """Whole rows of a growing curve.csv from byte `offset`, 0 being the first row's: (compact rows, the next offset).

    Raises ValueError if no row begins there.
    """
    try:
        file = open(str(path), "rb")
    except FileNotFoundError:  # not begun
        return [], offset
    with file:
        if offset == 0:
            for _ in range(3):
                file.readline()
        else:
            if 0 < offset <= path.stat().st_size:
                file.seek(offset - 1)
            if file.read(1) != b"\n":
                raise ValueError("no row begins there")
        lines, end = [], file.tell()
        for line in file:
            if not line.endswith(b"\n") or len(lines) == ROWS:
                break
            lines.append(line.decode())
            end += len(line)
    if not lines:
        return [], offset
    return compact([curve.parse(texts) for texts in csv.reader(lines)]), end


def kind_of(path):
    """The media type of a video file, by how it begins."""
    with open(str(path), "rb") as file:
        start = file.read(16)
    return next((kind for at, magic, kind in BEGINNINGS if start[at:at + len(magic)] == magic),
                "application/octet-stream")


def printable(name):
    """A name as one line of text that is safe to show."""
    return "".join(c for c in name if c.isprintable())[:120].strip() or "video"


class Page:
    """The answers to the page's requests.

    jobs: a Jobs; sample: a video file or None; most: bytes that an upload may have.
    """

    def __init__(self, jobs, sample, most):
        self.jobs, self.sample, self.most = jobs, sample and Path(sample), most
        self.files = {path: ((PAGE / name).read_bytes(), kind) for path, (name, kind) in FILES.items()}

    def routes(self):
        job = "/api/jobs/{key}"
        return [*(Route(path, self.file) for path in self.files),
                Route("/api", self.about),
                Route("/api/jobs", self.upload, methods=["PUT"]),
                Route("/api/sample", self.start_sample, methods=["POST"]),
                Route(job, self.state), Route(job, self.remove, methods=["DELETE"]),
                Route(job + "/rows", self.rows), Route(job + "/video", self.video),
                Route(job + "/curve.csv", self.curve), Route(job + "/labels.csv", self.labels),
                WebSocketRoute("/api/live", self.live)]

    async def file(self, request):
        content, kind = self.files[request.url.path]
        return Response(content, media_type=kind)

    async def about(self, request):
        return JSONResponse({"faces": curve.FACES, "most_bytes": self.most, "keep_minutes": self.jobs.keep / 60,
                             "sample": self.sample is not None})

    # A job's beginning.

    async def upload(self, request):
        length = request.headers.get("content-length", "0")
        room = min(self.most, shutil.disk_usage(self.jobs.folder).free - SPARE)
        self.check_size(int(length) if length.isdigit() else 0, room)
        with self.new_job(printable(request.query_params.get("name", ""))) as job:
            size = 0
            with open(str(job.video), "xb") as file:
                async for chunk in request.stream():
                    size += len(chunk)
                    self.check_size(size, room)
                    file.write(chunk)
            await self.check(job)
        return JSONResponse(self.describe(job), 201)

    def check_size(self, size, room):
        if size > self.most:
            raise HTTPException(413, "The video has more than %d MB, the most that is taken here; cut it, or begin the "
                                     "page with a higher limit (--max-mb)." % (self.most // MB))
        if size > room:
            raise HTTPException(507, "The disk is too full for this video; free some space, or remove other videos.")

    async def start_sample(self, request):
        if self.sample is None:
            raise HTTPException(404, "There is no sample here.")
        labels = self.sample.with_suffix(".csv")
        with self.new_job("sample", self.sample, labels if labels.exists() else None) as job:
            await self.check(job)
        return JSONResponse(self.describe(job), 201)

    @contextlib.contextmanager
    def new_job(self, *arguments):
        try:
            with self.jobs.new(*arguments) as job:
                yield job
        except Full:
            raise HTTPException(503, "%d videos are waiting already; try again when one is done." % QUEUE)

    async def check(self, job):
        try:
            await run_in_threadpool(job.check)
        except Problem as problem:
            raise HTTPException(415, str(problem))

    # What has become of it.

    def find(self, request):
        job = self.jobs.get(request.path_params["key"])
        if job is None:
            raise HTTPException(404, "That video is not here, or not any more.")
        return job

    def describe(self, job):
        """What the page is told of a job."""
        rate = job.rate()
        left = max(0, job.total - job.done) if job.total else None
        return {"id": job.id, "name": job.name, "state": job.state, "error": job.error, "damage": job.damage,
                "before": self.jobs.place(job),
                "done": job.done, "total": job.total, "rate": rate,
                "eta": left / rate if rate and left is not None and job.state == RUNNING else None,
                "width": job.width, "height": job.height, "labels": job.labels is not None}

    async def state(self, request):
        return JSONResponse(self.describe(self.find(request)))

    async def rows(self, request):
        job = self.find(request)
        state = self.describe(job)  # before the rows, so that whoever reads of the end has them all
        try:
            rows, end = await run_in_threadpool(rows_from, job.curve, int(request.query_params.get("from", "0")))
        except ValueError:
            raise HTTPException(400, "from: no row begins there.")
        return JSONResponse({"job": state, "rows": rows, "next": end})

    async def video(self, request):
        return self.send(self.find(request).video)

    async def curve(self, request):
        return self.send(self.find(request).curve, "text/csv")

    async def labels(self, request):
        return self.send(self.find(request).labels, "text/csv")

    def send(self, path, kind=None):
        """A file, or the part of it that was asked for."""
        if path is None or not path.exists():
            raise HTTPException(404, "That file is not here, or not any more.")
        return FileResponse(str(path), media_type=kind or kind_of(path))

    async def remove(self, request):
        job = self.find(request)
        self.jobs.remove(job)
        return JSONResponse(self.describe(job))

    # The camera.

    async def live(self, socket):
        """Answer each picture with its rows; nothing is kept."""
        await socket.accept()
        began = time.monotonic()
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                picture = await socket.receive_bytes()
                moment = time.monotonic() - began
                try:
                    image = await run_in_threadpool(read_picture, picture)
                    rows = await asyncio.wrap_future(self.jobs.worker.picture(image, moment))
                except Problem as problem:
                    await socket.send_json({"error": str(problem)})
                else:
                    await socket.send_json({"time": moment, "width": image.shape[1], "height": image.shape[0],
                                            "rows": compact(rows)})


def read_picture(data):
    """A JPEG file's bytes as (height, width, 3) uint8 RGB. Raises Problem when they are none, or too large."""
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
            if max(picture.size) > PICTURE[1]:
                raise Problem("the camera's picture has more than %d pixels a side; send a smaller one" % PICTURE[1])
            return np.asarray(picture.convert("RGB"))
    except (OSError, SyntaxError, ValueError):
        raise Problem("the camera's picture is no whole JPEG; start the camera again")


async def refused(request, error):
    """An error as JSON, one line."""
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


async def gone(request, error):
    """Nobody is there to answer."""
    return Response(status_code=499)


def create_app(estimator, host="127.0.0.1", port=8765, token=None, sample=None, most=2000 * MB, keep=3600, about=None):
    """The ASGI application. keep: seconds; about: a dict for each curve.csv's head; the rest as for Page and Guard."""
    jobs = Jobs(Worker(estimator, about or {}), keep)
    page = Page(jobs, sample, most)

    async def clean():
        while True:
            await asyncio.sleep(min(30, keep / 4))
            await run_in_threadpool(jobs.remove_old)

    @contextlib.asynccontextmanager
    async def lifespan(app):
        with jobs:
            cleaning = asyncio.create_task(clean())
            yield
            cleaning.cancel()

    app = Starlette(routes=page.routes(), lifespan=lifespan,
                    exception_handlers={HTTPException: refused, ClientDisconnect: gone})
    app.router.redirect_slashes = False
    return Guard(app, host, port, token)


def listen(host, port):
    """A socket that listens on this address. Raises Problem when it cannot be had."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        raise Problem("%s port %d: %s; name another with --port (make app PORT=...) or --host"
                      % (host, port, error.strerror or error))


def server(app):
    """A uvicorn server of the application."""
    return uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, lifespan="on",
                                         ws_max_size=PICTURE[0], ws_max_queue=2, timeout_graceful_shutdown=3))


def main():
    parser = Parser(__doc__)
    parser.add_argument("--model", nargs="+", required=True, metavar="PATH",
                        help="caffemodels, or folders that `make train` has filled")
    parser.add_argument("--net", help="the models' prototxt (default: as tools/predict_video.py has it)")
    parser.add_argument("--track", action="store_true", help="a curve a person, not of the largest face alone")
    parser.add_argument("--calibration", metavar="RESULT", help="a leave-one-subject-out result, as for "
                        "tools/predict_video.py: the curve then shows 90 %% of what observers say")
    parser.add_argument("--sample", metavar="FILE.mp4", help="a video that the page offers; FILE.csv has its labels")
    parser.add_argument("--host", default="127.0.0.1", help="the address to serve (default %(default)s)")
    parser.add_argument("--port", type=int, default=8765, help="default %(default)s")
    parser.add_argument("--token", help="what a browser must show, 16 characters or more (default: a random one where "
                        "other machines can reach --host, else none)")
    parser.add_argument("--max-mb", type=int, default=2000, help="the largest video taken (default %(default)s)")
    parser.add_argument("--keep-minutes", type=float, default=60, help="videos and curves are removed this long after "
                        "their last use (default %(default)s)")
    parser.add_argument("--gpu", type=int, metavar="N", help="the GPU to run on (default: the CPU)")
    args = parser.parse_args()
    token = args.token or (None if is_loopback(args.host) else secrets.token_urlsafe(24))
    if token and len(token) < 16:
        raise Problem("--token: too easily guessed; give 16 characters or more, or leave it out for a random one")
    if not 0 <= args.port < 1 << 16:
        raise Problem("--port %d: a port is 0, for any that is free, to 65535" % args.port)
    if args.max_mb < 1 or args.keep_minutes <= 0:
        raise Problem("--max-mb, --keep-minutes: must be above 0")
    if args.sample and not Path(args.sample).is_file():
        raise Problem("%s: no such file; make it with `tools/make_sample.py %s`" % (args.sample, args.sample))
    from calibration import Calibration
    from estimate import find_models, load_estimator
    from predict_video import fingerprint
    models, calibration = find_models(args.model), Calibration(args.calibration) if args.calibration else None
    about = dict(models={str(model): fingerprint(model) for model in models}, track=args.track,
                 calibration=args.calibration)
    with listen(args.host, args.port) as listening:
        port = listening.getsockname()[1]
        estimator = load_estimator(models, args.net, args.gpu, track=args.track, calibration=calibration)
        app = create_app(estimator, args.host, port, token, args.sample, args.max_mb * MB, 60 * args.keep_minutes,
                         about)
        name = "[%s]" % args.host if ":" in args.host else args.host
        print("http://%s:%d/%s  (Ctrl-C ends it)" % (name, port, "?token=" + token if token else ""), flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server(app).run(sockets=[listening])


if __name__ == "__main__":
    run(main)
