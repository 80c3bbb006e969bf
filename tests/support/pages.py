"""A page that is served, with an estimator of light, and a client that asks it."""
import contextlib
import http.client
import json
import os
import tempfile
import threading
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from pain.page.server import create_app, listen, server
from pain.temporary import LOCK
from pain.video import curve
from support.browser import visited
from support.processes import PATIENCE
from support.processes import wait_until as wait
from support.videos import write as write_video

LEVELS = np.arange(20) * 10 + 20  # of grey, a frame each


class Light:
    """An estimator that says how light a frame is: `scale` of its grey, 0..255. It waits at a gate before each."""

    scale = 1 / 51

    def __init__(self):
        self.gate, self.steps, self.broken = threading.Event(), threading.Semaphore(0), None
        self.gate.set()

    def row(self, number, moment, image, start=0.):
        box, points = np.array([1.25, 2, 30, 20]), np.arange(10.).reshape(5, 2)
        return curve.Row(number, moment, start + moment, 1, curve.FOUND, box, 0.9, points, "",
                         image.mean() * self.scale, spread=0.1)

    def run(self, frames, earlier=()):
        for frame in frames:
            while not self.gate.is_set() and not self.steps.acquire(timeout=0.02):
                pass
            if self.broken:
                raise self.broken
            yield frame, [self.row(frame.number, frame.time, frame.image, frame.start)]

    def rate_picture(self, image, moment):
        return [self.row(0, moment, image)]


class Client:
    """A server of its own, and what is asked of it."""

    def __init__(self, port, estimator, folder):
        self.port, self.estimator, self.folder, self.origin = port, estimator, folder, "http://127.0.0.1:%d" % port

    def ask(self, method, path, body=None, headers=None, host=None):
        """An HTTP request as (status, headers, body)."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            try:
                connection.request(method, path, body, {"Host": host or "127.0.0.1:%d" % self.port, **(headers or {})})
            except (BrokenPipeError, ConnectionResetError):  # it has seen enough of the body; the answer may be there
                pass
            response = connection.getresponse()
            return response.status, response.headers, response.read()

    def json(self, method, path, body=None, status=200, **more):
        found, headers, answer = self.ask(method, path, body, **more)
        assert found == status, (found, answer)
        return json.loads(answer)

    def rows(self, job, start=0):
        """The answer to a request for rows of a job, with each row as a dict."""
        return named(self.json("GET", "/api/jobs/%s/rows?from=%d" % (job["id"], start)))

    def upload(self, content, name="a%20video.mp4", status=201, **more):
        return self.json("PUT", "/api/jobs?name=" + name, content, status, **more)

    def until(self, job, *states):
        """Wait until the job is in one of the states."""
        return wait(lambda: (lambda now: now if now["state"] in states else None)(
            self.json("GET", "/api/jobs/" + job["id"])))

    def files(self):
        """The files of the server, whatever they are, but for its lock. Some may be removed just now."""
        return sorted(Path(folder, name) for folder, _, names in os.walk(self.folder) for name in names if name != LOCK)


def named(answer):
    """An answer with rows, each of which is made a dict by the names that come with them."""
    return dict(answer, rows=[dict(zip(answer["columns"], row)) for row in answer["rows"]])


@contextlib.contextmanager
def serving(folder, estimator=None, **options):
    """A Client of a server that keeps its files in `folder`."""
    estimator = estimator or Light()
    folder.mkdir()
    with mock.patch.object(tempfile, "tempdir", str(folder)), listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        running, client = server(create_app(estimator, port=port, **options)), Client(port, estimator, folder)
        thread = threading.Thread(target=running.run, args=([listening],))
        thread.start()
        try:
            wait(lambda: running.started)
            with visited(client.origin):
                yield client
        finally:
            if isinstance(estimator, Light):
                estimator.gate.set()
            running.should_exit = True
            thread.join(PATIENCE)
    assert not thread.is_alive() and list(folder.iterdir()) == []  # nothing is left behind


@pytest.fixture
def served(tmp_path):
    with serving(tmp_path / "server") as client:
        yield client


@pytest.fixture(scope="session")
def grey(tmp_path_factory):
    """The bytes of a video that grows lighter from frame to frame."""
    path = tmp_path_factory.mktemp("grey") / "grey.mp4"
    write_video(path, [np.full((48, 64, 3), level, np.uint8) for level in LEVELS])
    return path.read_bytes()
