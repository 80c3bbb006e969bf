"""The page's server: its application, the address it listens on, and how it says that something went wrong."""
import asyncio
import contextlib
import math
import socket
from pathlib import Path

import h11
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from pain.errors import Problem
from pain.page.answers import PAGE, Page  # noqa: F401
from pain.page.job import BUG, LOG
from pain.page.jobs import QUOTA, Jobs
from pain.page.model_card import without_folders
from pain.page.options import USUAL, Options
from pain.page.origin_guard import Guard
from pain.page.uploads import MB, PICTURE_BYTES
from pain.page.worker import Nets, Worker


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
               about: dict | None = None, quota: int = QUOTA, usual: Options = USUAL, with_options=None,
               others: dict[str, Nets] | None = None) -> Guard:
    """The ASGI application. keep: seconds; about: of the estimator's curves; others: more Nets, by what to call them;
    usual: calls the first by its `model`; with_options: as for Worker; the rest as for Jobs, Page and Guard."""
    nets = {usual.model: Nets(estimator, about or {}), **(others or {})}
    jobs = Jobs(Worker({name: Nets(some.estimator, without_folders(some.about)) for name, some in nets.items()},
                       with_options), keep, quota)
    page = Page(jobs, sample, most, {name: some.about for name, some in nets.items()}, usual,
                cookie="session_%d" % port)

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


SILENT = 30  # seconds for which a connection may be there without a request
UNREAD = 60  # seconds in which something is read of an answer


class Protocol(H11Protocol):
    """uvicorn's HTTP, but a connection without a request is closed, be it that none comes, or half of one.

    So is one whose answers are not read. And a request that turns out to be none gets one answer, not the
    application's, too.
    """

    silence = look = None  # timers
    unread = math.inf  # bytes that waited to be read at the last look; infinite if more have been since

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.wait_for_request()
        self.look_whether_it_reads()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self.look.cancel()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.unread = math.inf
        self.wait_for_request()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.unread = math.inf

    def look_whether_it_reads(self) -> None:
        closing, is_websocket = self.transport.is_closing(), self.transport.get_protocol() is not self
        has_pings = is_websocket and not closing  # and is closed where they are not answered
        unread = 0 if has_pings else self.transport.get_write_buffer_size()
        if unread >= self.unread > 0:
            self.transport.abort()
        elif unread or not closing:
            self.unread = unread
            self.look = self.loop.call_later(UNREAD, self.look_whether_it_reads)

    def wait_for_request(self) -> None:
        if self.silence:
            self.silence.cancel()
        self.silence = self.loop.call_later(SILENT, self.close_without_request)

    def close_without_request(self) -> None:
        is_websocket = self.transport.get_protocol() is not self
        if not is_websocket and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        if self.cycle:
            self.cycle.disconnected = True
            self.cycle.message_event.set()  # of which it hears so
        try:
            super().send_400_response(msg)
        except h11.LocalProtocolError:  # the application's has begun
            self.transport.close()


def server(app: Guard) -> uvicorn.Server:
    """A uvicorn server of the application."""
    return uvicorn.Server(uvicorn.Config(app, http=Protocol, log_level="warning", access_log=False, server_header=False,
                                         lifespan="on", ws_max_size=PICTURE_BYTES, ws_max_queue=2,
                                         timeout_graceful_shutdown=1))
