"""The page's answers: what is asked of the server, and what it says."""
import asyncio
import contextlib
import re
import secrets
import shutil
import tempfile
import time
from pathlib import Path

from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from pain.errors import Problem
from pain.files import or_none
from pain.notice import short_notice
from pain.page.growing_curve import rows_from, table
from pain.page.job import BUG, DONE, FAILED, LOG, RUNNING
from pain.page.jobs import WARNED, Full
from pain.page.model_card import card, fill
from pain.page.options import parse_options
from pain.page.session import make_study, write_archive
from pain.page.uploads import (
    CURVE_BYTES,
    EPISODES_BYTES,
    KINDS,
    MB,
    TABLE_BYTES,
    at_pace,
    kind_of,
    printable,
    read_picture,
)
from pain.provenance import origin_said
from pain.video.curve import read_curve

PAGE = Path(__file__).resolve().parent / "static"
MEDIA = {".css": "text/css", ".js": "text/javascript"}
SPARE = 500 * MB  # of the disk, which uploads leave free
JOB = "/api/jobs/{key}"


class Page:
    """The answers to the page's requests.

    jobs: a Jobs; sample: a video file or None; most: bytes that an upload may have; abouts: of the nets by name, a
    curve's; usual: the Options of whoever chooses none; cookie: the name of the one that says whose session it is.
    """

    def __init__(self, jobs, sample, most, abouts, usual, cookie):
        self.jobs, self.sample, self.most, self.usual = jobs, sample and Path(sample), most, usual
        self.cookie, self.calibrated = cookie, any(about.get("calibration") for about in abouts.values())
        self.cards = {name: card(about) for name, about in abouts.items()}
        self.files = {"/" + file.name: (file.read_bytes(), MEDIA[file.suffix])
                      for file in PAGE.iterdir() if file.suffix in MEDIA}
        self.files["/"] = fill((PAGE / "index.html").read_text(encoding="utf-8"), self.cards[usual.model]), "text/html"

    def routes(self):
        return [*(Route(path, self.file) for path in self.files),
                Route("/api", self.about),
                Route("/api/jobs", self.list), Route("/api/jobs", self.upload, methods=["PUT"]),
                Route("/api/sample", self.start_sample, methods=["POST"]),
                Route("/api/study.csv", self.study), Route("/api/session.zip", self.archive),
                Route("/api/curve", self.read_curve, methods=["POST"]),
                Route(JOB, self.state), Route(JOB, self.remove, methods=["DELETE"]),
                Route(JOB + "/again", self.again, methods=["POST"]),
                Route(JOB + "/place", self.move, methods=["POST"]),
                Route(JOB + "/rows", self.rows), Route(JOB + "/video", self.video),
                Route(JOB + "/marks", self.marks),
                Route(JOB + "/labels", self.put_labels, methods=["PUT"]),
                Route(JOB + "/episodes", self.put_episodes, methods=["PUT"]),
                Route(JOB + "/annotated", self.annotate, methods=["POST"]),
                Route(JOB + "/curve.csv", self.curve), Route(JOB + "/curve.json", self.curve_json),
                Route(JOB + "/labels.csv", self.labels), Route(JOB + "/annotated.mp4", self.annotated),
                WebSocketRoute("/api/live", self.live)]

    async def file(self, request):
        content, kind = self.files[request.scope["path"]]
        return Response(content, media_type=kind)

    def session(self, request):
        """Whose videos are asked for: what a browser was told by about(); "" for what is none."""
        given = request.cookies.get(self.cookie, "")
        return given if re.fullmatch(r"[\w-]{22}", given, re.A) else ""

    async def about(self, request):
        """What the page needs to know, and a session for whoever has none.

        That is begun here, where only our page can ask: a link from elsewhere to the page itself comes without cookies.
        """
        response = JSONResponse({"most_bytes": self.most, "keep_minutes": self.jobs.keep / 60, "kinds": KINDS,
                                 "sample": self.sample is not None, "options": self.usual._asdict(),
                                 "calibrated": self.calibrated, "cards": self.cards})
        if not self.session(request):
            response.set_cookie(self.cookie, secrets.token_urlsafe(16), httponly=True, samesite="strict")
        return response

    async def list(self, request):
        """The session's videos, and how full it is for all; no use of them."""
        jobs = self.jobs.of_session(self.session(request))
        kept = await run_in_threadpool(self.jobs.kept)
        return JSONResponse({"jobs": [self.describe(job) for job in jobs if not job.cancelled],
                             "kept_bytes": kept, "most_kept_bytes": self.jobs.quota,
                             "nearly_full": kept > WARNED * self.jobs.quota})

    # A job's beginning.

    async def upload(self, request):
        length = request.headers.get("content-length", "")
        expected = int(length) if length.isdecimal() else self.most
        with self.new_job(request, printable(request.query_params.get("name", ""))) as job:
            self.check_room(expected if length else 0)
            await run_in_threadpool(self.jobs.make_room, expected)
            job.expected = expected
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
        with self.new_job(request, "sample", self.sample, labels if labels.exists() else None) as job:
            await self.check(job)
        return JSONResponse(self.describe(job), 201)

    async def again(self, request):
        """The same video once more, with other options."""
        job, options = self.find(request), self.options(request)
        with answered(503), self.jobs.again(job, options) as other:
            pass
        return JSONResponse(self.describe(other), 201)

    @contextlib.contextmanager
    def new_job(self, request, name, *files):
        options = self.options(request)
        with answered(503), self.jobs.new(name, self.session(request), options, *files) as job:
            yield job

    def options(self, request):
        with answered(400):
            return parse_options(request.query_params.get("options", ""), self.usual, self.cards)

    async def check(self, job):
        with answered(415):
            await run_in_threadpool(job.check)

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
                "before": self.jobs.worker.place(job),
                "done": job.done, "total": job.total, "rate": rate,
                "eta": left / rate if rate and left is not None and job.state == RUNNING else None,
                "width": job.width, "height": job.height, "options": job.options._asdict(),
                "labels": job.labels is not None, "episodes": len(job.episodes)}

    async def state(self, request):
        return JSONResponse(self.describe(self.find(request)))

    async def move(self, request):
        """Let a job that waits have another place among those that do, from 0."""
        job, to = self.find(request), request.query_params.get("to", "")
        if not re.fullmatch("[0-9]{1,4}", to, re.A):
            raise HTTPException(400, "to: no place.")
        self.jobs.worker.move(job, int(to))
        return JSONResponse(self.describe(job))

    async def rows(self, request):
        """Rows of the curve as it grows, or, with `whole`, of the one that it has become."""
        job = self.find(request)
        state = self.describe(job)  # before the rows, so that whoever reads of the end has them all
        path = job.curve if "whole" in request.query_params else job.log
        try:
            rows, end = await run_in_threadpool(rows_from, path, int(request.query_params.get("from", "0")))
        except ValueError:
            raise HTTPException(400, "from: no row begins there.") from None
        return JSONResponse({"job": state, "next": end, **table(rows)})

    async def remove(self, request):
        job = self.find(request)
        self.jobs.remove(job)
        return JSONResponse(self.describe(job))

    # What people put beside it.

    async def marks(self, request):
        """A job's episodes and its labels."""
        job = self.find(request)
        with answered(400):
            labels = await run_in_threadpool(job.read_labels)
        return JSONResponse({"episodes": job.episodes, "labels": labels and plain_labels(labels)})

    async def put_labels(self, request):
        job, name = self.find(request), printable(request.query_params.get("name", "labels.csv"))
        content = await body(request, TABLE_BYTES, "%s: a table of labels" % name)
        with answered(400):
            labels = await run_in_threadpool(job.put_labels, content, name)
        return JSONResponse(plain_labels(labels))

    async def put_episodes(self, request):
        job, content = self.find(request), await body(request, EPISODES_BYTES, "A list of episodes")
        with answered(400):
            await run_in_threadpool(job.put_episodes, content)
        return JSONResponse(self.describe(job))

    async def read_curve(self, request):
        """The rows of a person's curve.csv, and what its nets have learned from; nothing is kept."""
        name = printable(request.query_params.get("name", "curve.csv"))
        content = await body(request, CURVE_BYTES, "%s: a curve" % name)

        def curve():
            with tempfile.TemporaryDirectory(dir=str(self.jobs.folder)) as folder:
                path = Path(folder) / "curve.csv"
                path.write_bytes(content)
                try:
                    return read_curve(path)
                except Problem as problem:
                    raise Problem(str(problem).replace(str(path), name)) from None
        with answered(400):
            about, rows = await run_in_threadpool(curve)
        return JSONResponse({"notice": short_notice(origin_said(about)), **table(rows)})

    # What is taken away.

    async def video(self, request):
        return self.send(self.find(request).video)

    async def curve(self, request):
        return self.send(self.find(request).curve, "text/csv")

    async def labels(self, request):
        return self.send(self.find(request).labels, "text/csv")

    async def annotated(self, request):
        return self.send(self.find(request).annotated, "video/mp4")

    async def annotate(self, request):
        """Answer once annotated.mp4 is there."""
        job = self.ended(request)
        with answered(400):
            await run_in_threadpool(self.jobs.annotate, job)
        return JSONResponse(self.describe(job))

    async def curve_json(self, request):
        job = self.ended(request)
        with answered(400):
            return self.send(await run_in_threadpool(job.write_summary), "application/json")

    def ended(self, request):
        """The job, if it has a curve that no longer grows."""
        job = self.find(request)
        if job.state not in (DONE, FAILED) or not job.done:
            raise HTTPException(409, "%s: not done yet." % job.name)
        return job

    def send(self, path, kind=None):
        """A file, or the part of it that was asked for."""
        try:
            if path is not None:
                return FileResponse(str(path), media_type=kind or kind_of(path), stat_result=path.stat())
        except OSError:  # removed meanwhile
            pass
        raise HTTPException(404, "That file is not here, or not any more.")

    async def study(self, request):
        jobs, thresholds = self.jobs.of_session(self.session(request)), self.options(request).thresholds

        def made():
            with tempfile.TemporaryDirectory(dir=str(self.jobs.folder)) as folder:
                return make_study(jobs, thresholds, Path(folder))[0].read_bytes()
        with answered(409):
            return Response(await run_in_threadpool(made), media_type="text/csv")

    async def archive(self, request):
        """All that was made of the session's videos, in one file that is nowhere once it has been sent."""
        jobs, thresholds = self.jobs.of_session(self.session(request)), self.options(request).thresholds
        with answered(409):
            file = tempfile.TemporaryFile(dir=str(self.jobs.folder))
            try:
                await run_in_threadpool(write_archive, file, jobs, thresholds)
            except BaseException:
                file.close()
                raise
        size = file.tell()
        file.seek(0)
        return StreamingResponse(chunks(file), media_type="application/zip", headers={"content-length": str(size)})

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


@contextlib.contextmanager
def answered(status):
    """Make HTTPExceptions of what is wrong: `status` for a Problem, 507 where there is no room or no folder left."""
    try:
        yield
    except Full as full:
        raise HTTPException(full.status, str(full)) from None
    except Problem as problem:
        raise HTTPException(status, str(problem)) from problem
    except FileNotFoundError:  # removed meanwhile
        raise HTTPException(404, "That video is not here, or not any more.") from None
    except OSError as error:
        raise HTTPException(507, "That cannot be kept: %s." % error.strerror) from error


async def body(request, most, what):
    """The content of a request, bytes, `most` of them. what: how to call it."""
    content = bytearray()
    async for chunk in at_pace(request.stream()):
        content += chunk
        if len(content) > most:
            raise HTTPException(413, "%s has at most %d MB here." % (what, most // MB))
    return bytes(content)


async def chunks(file):
    """A file's content, piece by piece; then it is closed."""
    with file:
        async for chunk in iterate_in_threadpool(iter(lambda: file.read(1 << 18), b"")):
            yield chunk


def plain_labels(raters):
    """The Labels of each rater as a dict ready for JSON."""
    return {"raters": or_none([
        {"rater": labels.rater, "by": labels.by, "at": labels.at.tolist(), "label": labels.label.tolist(),
         "until": None if labels.until is None else labels.until.tolist(), "unmarked": labels.unmarked}
        for labels in raters]), "note": "; ".join(dict.fromkeys(filter(None, (labels.note for labels in raters))))}
