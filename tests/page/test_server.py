"""tools/app.py: a real server asked by real clients, and its page in a real browser with a real net."""
import contextlib
import http.client
import io
import json
import re
import shutil
import socket
import stat
import sys
from unittest import mock

import numpy as np
import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

import app
from pain import models, notice
from pain.errors import Problem
from pain.page import growing_curve, jobs, origin_guard, server, uploads
from pain.video import curve, estimator
from support.pages import LEVELS, Light, named, serving, wait
from support.predictions import refuses
from support.videos import write as write_video

# A video's way.

def test_a_video_becomes_a_curve(served, grey, tmp_path):
    job = served.upload(grey)
    assert (job["name"], job["width"], job["height"], job["total"]) == ("a video.mp4", 64, 48, 20)
    done = served.until(job, "done")
    assert (done["done"], done["eta"], done["error"], done["damage"]) == (20, None, "", "") and done["rate"] > 0
    rows, place = [], 0
    with mock.patch.object(growing_curve, "ROWS", 7):
        while True:
            answer = served.rows(job, place)
            if not answer["rows"]:
                break
            assert len(answer["rows"]) <= 7
            rows, place = rows + answer["rows"], answer["next"]
    status, headers, text = served.ask("GET", "/api/jobs/%s/curve.csv" % job["id"])
    assert status == 200 and headers["Content-Type"].startswith("text/csv") and place == len(text)
    (tmp_path / "curve.csv").write_bytes(text)
    about, written = curve.read_curve(tmp_path / "curve.csv")
    assert about == {"source": "a video.mp4"} and len(written) == 20
    assert [row["frame"] for row in rows] == list(range(20)) and {row["face"] for row in rows} == {"found"}
    np.testing.assert_allclose([row["time_s"] for row in rows], np.arange(20) / 25, atol=1e-6)
    np.testing.assert_allclose([row["intensity"] for row in rows], LEVELS / 51, atol=0.1)
    for sent, row in zip(rows, written):
        assert sent == dict(
            frame=row.frame, time_s=row.time_s, person=1, face="found", box=[1.25, 2, 30, 20], confidence=0.9,
            landmarks=[[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]], doubt=None, intensity=row.intensity, spread=0.1,
            low=None, high=None, smoothed=None)
    for bad in ("5", "-1", "x", "99999999"):
        assert "no row" in served.json("GET", "/api/jobs/%s/rows?from=%s" % (job["id"], bad), status=400)["error"]


def test_the_curve_grows_while_it_runs(served, grey):
    served.estimator.gate.clear()
    job = served.upload(grey)
    served.estimator.steps.release(5)
    state = wait(lambda: (lambda now: now["done"] == 5 and now)(served.json("GET", "/api/jobs/" + job["id"])))
    assert state["state"] == "running" and state["eta"] == pytest.approx(15 / state["rate"], rel=1e-6)
    answer = served.rows(job)
    assert len(answer["rows"]) == 5 and answer["job"]["state"] == "running"
    assert served.ask("GET", "/")[0] == 200  # whatever the worker does
    served.estimator.gate.set()
    served.until(job, "done")
    rest = served.rows(job, answer["next"])
    assert [row["frame"] for row in rest["rows"]] == list(range(5, 20))


def test_the_video_comes_in_ranges(served, grey):
    path = "/api/jobs/%s/video" % served.upload(grey)["id"]
    status, headers, body = served.ask("GET", path)
    assert status == 200 and body == grey and headers["Content-Type"] == "video/mp4"
    assert headers["Accept-Ranges"] == "bytes"
    for asked, part in ("100-299", grey[100:300]), ("-7", grey[-7:]), ("%d-" % (len(grey) - 5), grey[-5:]):
        status, headers, body = served.ask("GET", path, headers={"Range": "bytes=" + asked})
        assert status == 206 and body == part and headers["Content-Range"].endswith("/%d" % len(grey))
    assert served.ask("GET", path, headers={"Range": "bytes=%d-" % len(grey)})[0] == 416


@pytest.mark.parametrize("codec, suffix, kind", [("libvpx-vp9", "webm", "video/webm"),
                                                 ("mpeg4", "avi", "video/x-msvideo")])
def test_other_formats(served, tmp_path, codec, suffix, kind):
    write_video(tmp_path / ("x." + suffix), [np.full((48, 64, 3), level, np.uint8) for level in LEVELS], codec)
    job = served.until(served.upload((tmp_path / ("x." + suffix)).read_bytes()), "done")
    assert job["done"] == 20 and served.ask("GET", "/api/jobs/%s/video" % job["id"])[1]["Content-Type"] == kind


def test_jobs_wait_in_turn_and_are_cancelled(served, grey):
    served.estimator.gate.clear()
    first = served.upload(grey)
    served.until(first, "running")
    rest = [served.upload(grey) for _ in range(jobs.QUEUE)]
    assert [job["before"] for job in rest] == list(range(1, jobs.QUEUE + 1))
    assert "waiting already" in served.upload(grey, status=503)["error"]
    assert len(served.files()) == len(rest) + 2  # videos, and the curve that grows
    assert served.json("DELETE", "/api/jobs/" + rest[0]["id"])["state"] == "cancelled"
    assert served.json("GET", "/api/jobs/" + rest[1]["id"])["before"] == 1
    served.estimator.steps.release(3)
    wait(lambda: served.json("GET", "/api/jobs/" + first["id"])["done"] == 3)
    served.json("DELETE", "/api/jobs/" + first["id"])
    served.estimator.gate.set()
    assert served.until(first, "cancelled")["done"] == 3
    assert served.ask("GET", "/api/jobs/%s/video" % first["id"])[0] == 404
    for job in rest[1:]:
        served.until(job, "done")
    assert len(served.files()) == 2 * len(rest[1:])
    served.json("DELETE", "/api/jobs/" + rest[1]["id"])
    assert served.ask("GET", "/api/jobs/" + rest[1]["id"])[0] == 404
    assert len(served.files()) == 2 * len(rest[2:])


def test_a_bug_ends_one_job_only(served, grey, capfd):
    served.estimator.broken = ZeroDivisionError("a bug")
    job = served.until(served.upload(grey), "failed")
    assert "something went wrong" in job["error"] and "ZeroDivisionError" in capfd.readouterr().err
    served.estimator.broken = Problem("the net: is unwell")
    assert served.until(served.upload(grey), "failed")["error"] == "the net: is unwell"
    served.estimator.broken = None
    served.until(served.upload(grey), "done")


def test_a_damaged_video_says_so(served, tmp_path):
    images = [np.random.RandomState(i).randint(0, 256, (48, 64, 3)).astype(np.uint8) for i in range(40)]
    whole = write_video(tmp_path / "x.mkv", images, rate=10).read_bytes()
    job = served.until(served.upload(whole[:len(whole) // 2], "x.mkv"), "done")
    assert job["damage"].startswith("x.mkv: damaged: it ends after") and 0 < job["done"] < 30


def test_the_sample(tmp_path, grey):
    (tmp_path / "it.mp4").write_bytes(grey)
    (tmp_path / "it.csv").write_text("frame,label\n0,1\n")
    with serving(tmp_path / "server", sample=tmp_path / "it.mp4") as client:
        assert client.json("GET", "/api")["sample"] is True
        job = client.until(client.json("POST", "/api/sample", status=201), "done")
        assert job["labels"] and job["done"] == 20
        assert client.ask("GET", "/api/jobs/%s/labels.csv" % job["id"])[2] == b"frame,label\n0,1\n"
        client.json("DELETE", "/api/jobs/" + job["id"])
    assert (tmp_path / "it.mp4").read_bytes() == grey  # it is not ours to remove
    with serving(tmp_path / "other") as client:
        assert client.json("GET", "/api")["sample"] is False
        client.json("POST", "/api/sample", status=404)


def test_what_nobody_asks_for_goes(tmp_path, grey):
    clock = [0.]
    with mock.patch.object(jobs, "time", mock.Mock(monotonic=lambda: clock[0])), \
            serving(tmp_path / "server", keep=1) as client:  # so that it looks every quarter of a second
        first, second = client.upload(grey), client.upload(grey)
        client.until(second, "done")
        client.until(first, "done")
        clock[0] = 0.9
        client.json("GET", "/api/jobs/" + second["id"])
        clock[0] = 1.1
        wait(lambda: len(client.files()) == 2)
        client.json("GET", "/api/jobs/" + first["id"], status=404)
        client.json("GET", "/api/jobs/" + second["id"])
        clock[0] = 2.2
        wait(lambda: not client.files())


# What is refused.

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
        with socket.create_connection(("127.0.0.1", client.port), timeout=30) as line:
            line.sendall(b"PUT /api/jobs HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % client.port
                         + b"Transfer-Encoding: chunked\r\n\r\n")
            for _ in range(17):
                line.sendall(b"10000\r\n" + bytes(0x10000) + b"\r\n")
            assert line.recv(100).startswith(b"HTTP/1.1 413 ") and client.files() == []


def test_a_full_disk(served, grey):
    with mock.patch.object(shutil, "disk_usage", lambda _: mock.Mock(free=server.SPARE + 100)):
        assert "disk is too full" in served.upload(grey, status=507)["error"]
    assert served.files() == []


@pytest.mark.parametrize("content", [b"", b"frame,label\n0,1\n" * 100, b"\x89PNG\r\n\x1a\n" + bytes(100),
                                     b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
                                     b"ffconcat version 1.0\nfile /etc/passwd\n"])
def test_no_video(served, content):
    answer = served.upload(content, status=415)
    assert answer["error"].startswith("a video.mp4: ") and str(served.folder) not in answer["error"]
    assert "passwd" not in answer["error"] and served.files() == []


def test_an_image_is_no_video(served):
    file = io.BytesIO()
    Image.new("RGB", (64, 48)).save(file, "PNG")
    served.upload(file.getvalue(), status=415)


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
    assert [path.name for path in served.files()] == ["curve.csv", "video"]
    (private,) = served.folder.iterdir()
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert {path.parent.parent for path in served.files()} == {private}
    written = served.ask("GET", "/api/jobs/%s/curve.csv" % job["id"])[2]
    assert json.loads(written.split(b"\n")[1][2:]) == {"source": shown}


@pytest.mark.parametrize("path", [
    "/..%2f..%2fetc/passwd", "/../app.py", "/app_page/index.html", "/index.html", "/api/jobs", "/api/jobs/",
    "/api/jobs/..%2f..", "/api/jobs/x/video", "/api/jobs/../../video", "//"])
def test_there_is_nothing_else(served, path):
    status, headers, body = served.ask("GET", path)
    assert status in (404, 405) and len(body) < 200


SAME = {"Origin": "ORIGIN", "Sec-Fetch-Site": "same-origin"}
STRANGE = [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"},
           {"Origin": "https://HOST"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
           {**SAME, "Origin": "http://localhost:1"}]


def headers_of(client, headers):
    return {key: value.replace("ORIGIN", client.origin).replace("HOST", client.origin[7:])
            for key, value in headers.items()}


@pytest.mark.parametrize("headers", STRANGE)
def test_other_pages_may_ask_nothing(served, grey, headers):
    job = served.upload(grey)
    served.until(job, "done")
    strange = headers_of(served, headers)
    for method, path in [("PUT", "/api/jobs?name=x"), ("DELETE", "/api/jobs/" + job["id"]), ("POST", "/api/sample"),
                         ("GET", "/api"), ("GET", "/api/jobs/%s/curve.csv" % job["id"]), ("GET", "/app.js"),
                         ("GET", "/api/jobs/%s/video" % job["id"]), ("OPTIONS", "/api/jobs")]:
        status, answered, _ = served.ask(method, path, grey if method == "PUT" else None, headers=strange)
        assert status == 403 and not [key for key in answered if key.lower().startswith("access-control")], path
    with pytest.raises(InvalidStatus) as refusal:
        connect(served.origin.replace("http", "ws") + "/api/live", origin=strange.get("Origin"), additional_headers={
            key: value for key, value in strange.items() if key != "Origin"}).close()
    assert refusal.value.response.status_code == 403
    assert served.ask("GET", "/api/jobs/" + job["id"], headers=headers_of(served, SAME))[0] == 200
    assert served.ask("GET", "/", headers=strange)[0] == 200  # a link to the page is no harm


def test_typed_into_the_address_bar(served):
    assert served.ask("GET", "/api", headers={"Sec-Fetch-Site": "none"})[0] == 200
    assert served.ask("DELETE", "/api/jobs/x", headers={"Sec-Fetch-Site": "none"})[0] == 403


@pytest.mark.parametrize("host, status", [
    ("localhost:PORT", 200), ("127.0.0.1:PORT", 200), ("LOCALHOST:PORT", 200), ("[::1]:PORT", 200),
    ("evil.example:PORT", 403), ("evil.example", 403), ("127.0.0.1", 403), ("127.0.0.1:1", 403),
    ("127.0.0.1.evil.example:PORT", 403),
    ("192.168.1.1:PORT", 403), ("", 403)])
def test_another_host_is_refused(served, host, status):
    host = host.replace("PORT", str(served.port))
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", served.port)) as connection:
        connection.putrequest("GET", "/", skip_host=True)
        connection.putheader("Host", host)
        connection.endheaders()
        assert connection.getresponse().status == status


def test_every_answer_is_guarded(served):
    for path in "/", "/app.js", "/api", "/nothing":
        headers = served.ask("GET", path)[1]
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "no-store"
        assert headers["Content-Security-Policy"].startswith("default-src 'self';")
        assert "unsafe" not in headers["Content-Security-Policy"] and "Server" not in headers
        assert not [key for key in headers if key.lower().startswith("access-control")]


def test_a_token(tmp_path):
    token = "0123456789abcdef"
    with serving(tmp_path / "server", token=token) as client:
        cookie = "token_%d=" % client.port
        for path, headers in [("/", {}), ("/api", {}), ("/?token=wrong", {}), ("/api?token=" + token, {}),
                              ("/app.js", {}), ("/?token=%C3%A9", {}), ("/api", {"Cookie": cookie + token[:-1]}),
                              ("/api", {"Cookie": "token=" + token}), ("/api", {"Authorization": token})]:
            status, _, body = client.ask("GET", path, headers=headers)
            assert status == 401 and token.encode() not in body
        with pytest.raises(InvalidStatus):
            connect(client.origin.replace("http", "ws") + "/api/live").close()
        status, headers, _ = client.ask("GET", "/?token=" + token)
        assert status == 303 and headers["Location"] == "/"
        given = headers["Set-Cookie"].lower()
        assert "httponly" in given and "samesite=strict" in given and given.startswith(cookie + token)
        assert client.ask("GET", "/api", headers={"Cookie": cookie + token})[0] == 200
        assert client.ask("GET", "/api", headers={"Cookie": cookie + token}, host="evil.example")[0] == 403
        with connect(client.origin.replace("http", "ws") + "/api/live", additional_headers={"Cookie": cookie + token}):
            pass


@pytest.mark.parametrize("name, allowed", [
    ("192.168.1.7", True), ("10.1.2.3", True), ("[fe80::1]", True), (socket.gethostname(), True),
    ("evil.example", False), ("1.2.3.4.evil.example", False)])
def test_names_of_a_server_for_others(name, allowed):
    guard = origin_guard.Guard(None, "0.0.0.0", 8765, "0123456789abcdef")
    assert guard.is_ours(name + ":8765") == allowed and not guard.is_ours(name + ":80")


# Live.

def jpeg(level, size=(64, 48)):
    file = io.BytesIO()
    Image.new("RGB", size, (level,) * 3).save(file, "JPEG")
    return file.getvalue()


def between_frames(served, line):
    """The answer to a picture while the frames of a video go on, one by one."""
    for _ in range(600):
        served.estimator.steps.release()
        with contextlib.suppress(TimeoutError):
            return json.loads(line.recv(timeout=0.05))
    raise AssertionError("no answer")


def test_live_pictures(served, grey):
    served.estimator.gate.clear()
    job = served.upload(grey)
    served.until(job, "running")
    with connect(served.origin.replace("http", "ws") + "/api/live", origin=served.origin) as line:
        moments = []
        for level in 51, 204:
            line.send(jpeg(level))
            answer = named(between_frames(served, line))
            moments.append(answer["time"])
            assert (answer["width"], answer["height"]) == (64, 48)
            assert answer["rows"][0]["intensity"] == pytest.approx(level / 51, abs=0.05)
            assert answer["rows"][0]["time_s"] == round(moments[-1], 6)
        assert 0 <= moments[0] < moments[1]
        line.send(b"no picture")
        assert "no whole JPEG" in json.loads(line.recv(timeout=30))["error"]
        line.send(jpeg(9)[:-200])
        assert "no whole JPEG" in json.loads(line.recv(timeout=30))["error"]
        line.send(jpeg(9, (2000, 8)))
        assert "pixels a side" in json.loads(line.recv(timeout=30))["error"]
    with connect(served.origin.replace("http", "ws") + "/api/live") as line:
        line.send(bytes(uploads.PICTURE_BYTES + 1))
        with pytest.raises(ConnectionClosed):
            line.recv(timeout=30)
    served.estimator.gate.set()
    served.until(job, "done")
    assert [path.name for path in served.files()] == ["curve.csv", "video"]  # no picture was kept


# The command.

def start(*arguments):
    """What main() prints, and the Guard that it would serve."""
    served = []
    with mock.patch.object(sys, "argv", ["app.py", "--model", "x", "--port", "0", *map(str, arguments)]), \
            mock.patch.object(estimator, "load_estimator", lambda *_, **__: Light()), \
            mock.patch.object(models, "find_models", lambda _: []), \
            mock.patch.object(app, "server", lambda guard: served.append(guard) or mock.Mock()), \
            contextlib.redirect_stdout(io.StringIO()) as out:
        app.main()
    return out.getvalue(), served[0]


def test_other_machines_only_with_a_token():
    out, guard = start()
    assert re.match(r"http://127\.0\.0\.1:\d+/  \(Ctrl-C", out) and guard.token is None
    with mock.patch.object(app, "listen", lambda *_: socket.create_server(("127.0.0.1", 0))):  # not really everywhere
        out, guard = start("--host", "0.0.0.0")
        shown = re.match(r"http://0\.0\.0\.0:\d+/\?token=(\S+)", out).group(1)
        assert shown == guard.token and len(shown) >= 32
        assert start("--host", "0.0.0.0")[1].token != shown
        assert start("--host", "192.168.1.7", "--token", "my own token, long")[1].token == "my own token, long"


def test_one_line_errors(tmp_path):
    common = "--model", tmp_path / "no.caffemodel", "--port", 0
    assert "no caffemodel" in refuses(*common, main=app.main)
    assert "make_sample.py" in refuses(*common, "--sample", tmp_path / "no.mp4", main=app.main)
    assert "16 characters" in refuses(*common, "--token", "short", main=app.main)
    assert "above 0" in refuses(*common, "--max-mb", 0, main=app.main)
    assert "to 65535" in refuses(*common, "--port", 99999, main=app.main)
    with socket.create_server(("127.0.0.1", 0)) as taken, mock.patch.object(models, "find_models", lambda _: []):
        assert "in use" in refuses("--model", "x", "--port", taken.getsockname()[1], main=app.main)


def test_the_page_says_what_it_is():
    page = " ".join((server.PAGE / "index.html").read_text(encoding="utf-8").split())
    assert notice.NOTICE in page
    files = list(server.PAGE.iterdir())
    assert len(files) > 10
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert "http:" not in text and "https:" not in text and "innerHTML" not in text
