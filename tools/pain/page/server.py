"""The page's answers: uploads, curves as they grow, the camera."""
import asyncio
import contextlib
import shutil
import socket
import time
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from pain.errors import Problem
from pain.files import or_none
from pain.labels.reading import parse_labels
from pain.page.growing_curve import rows_from, table
from pain.page.jobs import BUG, LOG, QUEUE, RUNNING, Full, Jobs, Worker
from pain.page.model_card import fill
from pain.page.origin_guard import Guard
from pain.page.uploads import KINDS, MB, PICTURE_BYTES, TABLE_BYTES, at_pace, kind_of, printable, read_picture

PAGE = Path(__file__).resolve().parent / "static"
MEDIA = {".css": "text/css", ".js": "text/javascript"}
SPARE = 500 * MB  # of the disk, which uploads leave free


class Page:
    """The answers to the page's requests.

    jobs: a Jobs; sample: a video file or None; most: bytes that an upload may have; about: of the nets, a curve's.
    """

    def __init__(self, jobs, sample, most, about):
        self.jobs, self.sample, self.most = jobs, sample and Path(sample), most
        self.files = {"/" + file.name: (file.read_bytes(), MEDIA[file.suffix])
                      for file in PAGE.iterdir() if file.suffix in MEDIA}
        self.files["/"] = fill((PAGE / "index.html").read_text(encoding="utf-8"), about), "text/html"

    def routes(self):
        job = "/api/jobs/{key}"
        return [*(Route(path, self.file) for path in self.files),
                Route("/api", self.about),
                Route("/api/labels", self.read_labels, methods=["POST"]),
                Route("/api/jobs", self.upload, methods=["PUT"]),
                Route("/api/sample", self.start_sample, methods=["POST"]),
                Route(job, self.state), Route(job, self.remove, methods=["DELETE"]),
                Route(job + "/rows", self.rows), Route(job + "/video", self.video),
                Route(job + "/curve.csv", self.curve), Route(job + "/labels.csv", self.labels),
                WebSocketRoute("/api/live", self.live)]

    async def file(self, request):
        content, kind = self.files[request.scope["path"]]
        return Response(content, media_type=kind)

    async def about(self, request):
        return JSONResponse({"most_bytes": self.most, "keep_minutes": self.jobs.keep / 60, "kinds": KINDS,
                             "sample": self.sample is not None})

    async def read_labels(self, request):
        """The labels in a file of people's, each rater's by itself; nothing is kept."""
        name, content = printable(request.query_params.get("name", "labels.csv")), bytearray()
        async for chunk in at_pace(request.stream()):
            content += chunk
            if len(content) > TABLE_BYTES:
                raise HTTPException(413, "%s: a table of labels has at most %d MB here." % (name, TABLE_BYTES // MB))
        try:
            raters = await run_in_threadpool(parse_labels, bytes(content), name)
        except Problem as problem:
            raise HTTPException(400, str(problem)) from None
        if len({labels.video for labels in raters}) > 1:
            raise HTTPException(400, "%s: of several videos; take a table of one." % name)
        return JSONResponse({"raters": or_none([
            {"rater": labels.rater, "by": labels.by, "at": labels.at.tolist(), "label": labels.label.tolist(),
             "until": None if labels.until is None else labels.until.tolist(), "unmarked": labels.unmarked}
            for labels in raters]), "note": "; ".join(dict.fromkeys(filter(None, (labels.note for labels in raters))))})

    # A job's beginning.

    async def upload(self, request):
        length = request.headers.get("content-length", "0")
        with self.new_job(printable(request.query_params.get("name", ""))) as job:
            self.check_room(int(length) if length.isdecimal() else 0)
            size = 0
            with open(str(job.video), "xb") as file:
                async for chunk in at_pace(request.stream()):
                    self.check_room(len(chunk), size)
                    file.write(chunk)
                    size += len(chunk)
            await self.check(job)
        return JSONResponse(self.describe(job), 201)

    def check_room(self, more, size=0):
        """Raise HTTPException unless a video of `size` bytes may have so many `more`."""
        if size + more > self.most:
            raise HTTPException(413, "The video has more than %d MB, the most that is taken here; cut it, or begin the "
                                     "page with a higher limit (--max-mb)." % (self.most // MB))
        if more > shutil.disk_usage(self.jobs.folder).free - SPARE:
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
            raise HTTPException(503, "%d videos are waiting already; try again when one is done." % QUEUE) from None
        except OSError as error:
            raise HTTPException(507, "The video cannot be kept: %s." % error.strerror) from error

    async def check(self, job):
        try:
            await run_in_threadpool(job.check)
        except Problem as problem:
            raise HTTPException(415, str(problem)) from problem

    # What has become of it.

    def find(self, request):
        job = self.jobs.get(request.path_params["key"], uses=request.method != "HEAD")
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
            raise HTTPException(400, "from: no row begins there.") from None
        return JSONResponse({"job": state, "next": end, **table(rows)})

    async def video(self, request):
        return self.send(self.find(request).video)

    async def curve(self, request):
        return self.send(self.find(request).curve, "text/csv")

    async def labels(self, request):
        return self.send(self.find(request).labels, "text/csv")

    def send(self, path, kind=None):
        """A file, or the part of it that was asked for."""
        try:
            if path is not None:
                return FileResponse(str(path), media_type=kind or kind_of(path), stat_result=path.stat())
        except OSError:  # removed meanwhile
            pass
        raise HTTPException(404, "That file is not here, or not any more.")

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
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                await socket.send_json(await self.look_at(message.get("bytes"), time.monotonic() - began))

    async def look_at(self, picture, moment):
        """What is said of a JPEG file's bytes, None for a text: a dict ready for JSON."""
        try:
            if picture is None:
                raise Problem("a text is no picture; send JPEG files")
            image = await run_in_threadpool(read_picture, picture)
            rows = await asyncio.wrap_future(self.jobs.worker.picture(image, moment))
        except Problem as problem:
            return {"error": str(problem)}
        except Exception:  # a bug; the camera goes on
            LOG.exception("a picture")
            return {"error": "The camera's picture: %s." % BUG}
        return {"time": moment, "width": image.shape[1], "height": image.shape[0], **table(rows)}


async def refused(request, error):
    """An error as JSON, one line."""
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


async def broken(request, error):
    """What is said of a bug; what it is stands in the terminal."""
    return JSONResponse({"error": "S%s." % BUG[1:]}, 500)


async def gone(request, error):
    """Nobody is there to answer."""
    return Response(status_code=499)


def create_app(estimator, host: str = "127.0.0.1", port: int = 8765, token: str | None = None,
               sample: Path | str | None = None, most: int = 2000 * MB, keep: float = 3600,
               about: dict | None = None) -> Guard:
    """The ASGI application. keep: seconds; about: a dict for each curve.csv's head; the rest as for Page and Guard."""
    jobs = Jobs(Worker(estimator, about or {}), keep)
    page = Page(jobs, sample, most, about or {})

    async def clean():
        while True:
            await asyncio.sleep(min(30, keep / 4))
            try:
                await run_in_threadpool(jobs.remove_old)
            except Exception:  # a bug; the next round goes on
                LOG.exception("cleaning")

    @contextlib.asynccontextmanager
    async def lifespan(app):
        with jobs:
            cleaning = asyncio.create_task(clean())
            yield
            cleaning.cancel()

    app = Starlette(routes=page.routes(), lifespan=lifespan,
                    exception_handlers={HTTPException: refused, ClientDisconnect: gone, Exception: broken})
    app.router.redirect_slashes = False
    return Guard(app, host, port, token)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on this address. Raises Problem when it cannot be had."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except (OSError, UnicodeError) as error:
        raise Problem("%s port %d: %s; name another with --port (make app PORT=...) or --host"
                      % (host, port, getattr(error, "strerror", None) or error)) from error


def server(app: Guard) -> uvicorn.Server:
    """A uvicorn server of the application."""
    return uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, lifespan="on",
                                         ws_max_size=PICTURE_BYTES, ws_max_queue=2, timeout_graceful_shutdown=1))
