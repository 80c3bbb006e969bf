"""What is refused, and what becomes of it: videos that are too large, or none; names that are no file's."""
import contextlib
import csv
import functools
import io
import json
import shutil
import socket
import stat
import time
from unittest import mock

import numpy as np
import pytest
import uvicorn
from PIL import Image
from uvicorn.protocols.websockets.auto import AutoWebSocketsProtocol
from websockets.sync.client import connect

from pain.page import answers, job, jobs, uploads
from pain.page import server as page_server
from pain.page.uploads import KINDS
from support.pages import serving, wait
from support.processes import PATIENCE


def test_too_large(tmp_path, grey):
    with serving(tmp_path / "server", most=len(grey) - 1) as client:
        assert "the most that is taken" in client.upload(grey, status=413)["error"]
        parts = (grey[i:i + 500] for i in range(0, len(grey), 500))
        assert "the most that is taken" in client.upload(parts, status=413)["error"]  # without Content-Length
        assert client.files() == []
    with serving(tmp_path / "other", most=len(grey)) as client:
        client.until(client.upload(iter([grey])), "done")


def test_an_endless_body_is_refused_before_it_ends(tmp_path):
    with serving(tmp_path / "server", most=10 ** 6) as client:
        with socket.create_connection(("127.0.0.1", client.port), timeout=PATIENCE) as line:
            line.sendall(b"PUT /api/jobs HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % client.port
                         + b"Transfer-Encoding: chunked\r\n\r\n")
            for _ in range(17):
                line.sendall(b"10000\r\n" + bytes(0x10000) + b"\r\n")
            assert line.recv(100).startswith(b"HTTP/1.1 413 ") and client.files() == []


def test_a_full_disk(served, grey):
    with mock.patch.object(shutil, "disk_usage", lambda _: mock.Mock(free=answers.SPARE + 100)):
        assert "disk is too full" in served.upload(grey, status=507)["error"]
    assert served.files() == []


@pytest.mark.parametrize("content", [b"", b"frame,label\n0,1\n" * 100, b"\x89PNG\r\n\x1a\n" + bytes(100),
                                     b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
                                     b"ffconcat version 1.0\nfile /etc/passwd\n", b"ID3\3" + bytes(2000),
                                     b"RIFF\x24\0\0\0WAVEfmt " + bytes(99), b"\0\0\0\x18ftypheic" + bytes(99),
                                     b"\0\0\0\x18ftypavif" + bytes(99), b"%PDF-1.4" + bytes(99), b"PK\3\4" + bytes(99)])
def test_no_video(served, content):
    answer = served.upload(content, status=415)
    assert answer["error"].startswith("a video.mp4: ") and str(served.folder) not in answer["error"]
    assert "Invalid argument" not in answer["error"] and answer["error"].endswith(" Videos are taken as %s." % KINDS)
    assert "passwd" not in answer["error"] and served.files() == []


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_an_image_is_no_video(served, kind):
    file = io.BytesIO()
    Image.new("RGB", (64, 48)).save(file, kind)
    assert KINDS in served.upload(file.getvalue(), status=415)["error"]


def test_an_animation(served):
    images, file = [Image.new("L", (64, 48), level) for level in (0, 102, 204)], io.BytesIO()
    images[0].save(file, "GIF", save_all=True, append_images=images[1:], duration=200)
    job = served.until(served.upload(file.getvalue(), "x.gif"), "done")
    np.testing.assert_allclose([row["intensity"] for row in served.rows(job)["rows"]], [0, 2, 4], atol=0.05)
    np.testing.assert_allclose([row["time_s"] for row in served.rows(job)["rows"]], [0, 0.2, 0.4], atol=1e-6)
    assert served.ask("GET", "/api/jobs/%s/video" % job["id"])[1]["Content-Type"] == "image/gif"


def test_whatever_the_decoder_raises(served, grey, caplog):
    with mock.patch.object(job, "open_video", side_effect=UnicodeDecodeError("utf-8", b"\xff", 0, 1, "a title")):
        assert "a video.mp4: something went wrong" in served.upload(grey, status=415)["error"]
    assert "a title" in caplog.text and served.files() == []


def stalled(client, path="/api/jobs?name=x", method="PUT"):
    """The connection of a request whose body does not come."""
    line = socket.create_connection(("127.0.0.1", client.port), timeout=PATIENCE)
    line.sendall(("%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 100000\r\n\r\n" % (
        method, path, client.port)).encode() + bytes(100))
    return line


def test_uploads_that_stall_are_in_nobodys_way(served, grey):
    with mock.patch.object(jobs, "QUEUE", 4), contextlib.ExitStack() as closing:
        for _ in range(12):
            closing.enter_context(stalled(served))
        wait(lambda: len(served.files()) == 12)
        served.until(served.upload(grey), "done")
    wait(lambda: len(served.files()) == 3)


def test_uploads_that_stall_end(served, grey):
    done = served.until(served.upload(grey), "done")
    with mock.patch.object(uploads, "PATIENCE", 0.5), stalled(served) as video, stalled(
            served, "/api/jobs/%s/labels" % done["id"], "PUT") as labels:
        with contextlib.suppress(OSError):
            for _ in range(40):  # a few bytes now and then are no upload either
                video.sendall(b"x")
                time.sleep(0.02)
        for line in video, labels:
            assert line.recv(20).startswith(b"HTTP/1.1 408 ")
    assert len(served.files()) == 3


def test_connections_without_a_request_are_closed(served, monkeypatch):
    host = b"Host: 127.0.0.1:%d\r\n" % served.port
    monkeypatch.setattr(page_server, "SILENT", 0.2)
    with stalled(served) as upload, connect(served.origin.replace("http", "ws") + "/api/live",
                                            origin=served.origin) as camera:
        for said in b"", b"GET", b"GET / HTTP/1.1\r\n" + host + b"\r\nGET /", \
                b"POST /nothing HTTP/1.1\r\nContent-Length: 1000\r\n" + host + b"\r\n1":
            with socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE) as line:
                line.sendall(said)
                while line.recv(1 << 16):
                    pass
        upload.settimeout(0)
        with pytest.raises(BlockingIOError):
            upload.recv(1)
        camera.ping().wait(PATIENCE)
        camera.send("a text")
        assert "no picture" in camera.recv(timeout=PATIENCE)


@pytest.fixture
def unread(tmp_path, monkeypatch):
    """A server that sends little in advance, and waits little; a connection to it; the addresses of those it has lost.
    """
    lost = []

    def lost_too(usual):
        def connection_lost(self, error):
            usual(self, error)
            lost.append(self.client)
        return connection_lost

    def made(self, transport, usual=page_server.Protocol.connection_made):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        usual(self, transport)
    monkeypatch.setattr(page_server.Protocol, "connection_made", made)
    for protocol in page_server.Protocol, AutoWebSocketsProtocol:
        monkeypatch.setattr(protocol, "connection_lost", lost_too(protocol.connection_lost))
    monkeypatch.setattr(page_server, "UNREAD", 0.2)
    monkeypatch.setattr(page_server.uvicorn, "Config", functools.partial(uvicorn.Config, ws_ping_interval=1,
                                                                         ws_ping_timeout=1))
    with serving(tmp_path / "server") as client, contextlib.closing(socket.socket()) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.settimeout(PATIENCE)
        line.connect(("127.0.0.1", client.port))
        yield client, line, lost


@pytest.mark.parametrize("size, close", [(10 ** 6, ""), (40000, ""), (40000, "Connection: close\r\n")])
def test_connections_that_read_nothing_are_closed(unread, grey, size, close):
    """In the midst of an answer, or where the end of it waits in the server."""
    client, line, lost = unread
    job = client.upload(grey + bytes(size))
    line.sendall(("GET /api/jobs/%s/video HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s\r\n" % (
        job["id"], client.port, close)).encode())
    wait(lambda: line.getsockname() in lost)


def test_a_camera_that_reads_nothing_is_closed(unread):
    client, line, lost = unread
    line.sendall(("GET /api/live HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: %s\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n" % (
                      client.port, client.origin, 22 * "A" + "==")).encode())
    assert b" 101 " in line.recv(100)
    line.sendall(b"\x81\x81\0\0\0\0a" * 3000)  # texts, to which it says that they are no pictures
    wait(lambda: line.getsockname() in lost)


def test_a_client_that_goes_away_leaves_nothing(served, grey):
    with socket.create_connection(("127.0.0.1", served.port)) as line:
        line.sendall(b"PUT /api/jobs HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 100000\r\n\r\n" % served.port
                     + bytes(5000))
        wait(served.files)
    wait(lambda: not served.files())
    served.until(served.upload(grey), "done")


@pytest.mark.parametrize("name, shown", [
    ("../../x", "../../x"), ("%2Fetc%2Fpasswd", "/etc/passwd"), ("a%00b%0Ac", "abc"), ("", "video"),
    ("%E2%80%AEgpj", "gpj"), ("%FF", "\ufffd"), ("x" * 999, "x" * 120),
    ("%3Cscript%3Ealert(1)%3C%2Fscript%3E.mp4", "<script>alert(1)</script>.mp4")])
def test_a_name_is_only_shown(served, grey, name, shown):
    job = served.upload(grey, name)
    assert served.until(job, "done")["name"] == shown
    assert [path.name for path in served.files()] == ["curve.about.json", "curve.csv", "video"]
    (private,) = served.folder.iterdir()
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert {path.parent.parent for path in served.files()} == {private}
    written = served.ask("GET", "/api/jobs/%s/curve.csv" % job["id"])[2]
    assert next(csv.DictReader(io.StringIO(written.decode())))["video"] == shown


@pytest.mark.parametrize("path", [
    "/..%2f..%2fetc/passwd", "/../app.py", "/static/index.html", "/index.html", "/api/jobs/",
    "/api/jobs/..%2f..", "/api/jobs/x/video", "/api/jobs/../../video", "//"])
def test_there_is_nothing_else(served, path):
    status, headers, body = served.ask("GET", path)
    assert status in (404, 405) and len(body) < 200


def test_labels_are_read_by_the_one_reader_of_peoples_tables(served, grey):
    of = served.upload(grey)["id"]

    def ask(content, name="theirs.csv"):
        status, _, answer = served.ask("PUT", "/api/jobs/%s/labels?name=%s" % (of, name), content)
        return status, json.loads(answer)

    assert ask(b"time_s;label\n10,0;4\n0,0;3\n") == (200, {"note": "", "raters": [
        {"rater": "", "by": "time_s", "at": [0, 10], "label": [3, 4], "until": None, "unmarked": None}]})
    status, answer = ask("frame\tlabel\r0\t6\r1\t1\r".encode("utf-16"))
    said = "theirs.csv: line 2: the label is not a number 0..5; labels 1..6"
    assert status == 400 and answer["error"].startswith(said)
    assert ask(b"PK\x03\x04", "a.xlsx") == (400, {"error": "a.xlsx: a spreadsheet program's own file; save it there as "
                                                           "CSV"})
    status, answer = ask(bytes(uploads.TABLE_BYTES + 1))
    assert status == 413 and "20 MB" in answer["error"]
