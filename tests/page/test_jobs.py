"""A video's way through a real server: it waits, becomes a curve while one looks on, and goes away again."""
import errno
import shutil
import tempfile
import threading
from unittest import mock

import numpy as np
import pytest

from pain.errors import Problem
from pain.page import growing_curve, job, jobs, worker
from pain.page.options import USUAL
from pain.provenance import UNKNOWN, origin_said
from pain.video.curve import read_curve
from support.pages import LEVELS, Light, serving, wait
from support.videos import write as write_video


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
    about, written = read_curve(tmp_path / "curve.csv")
    assert about["source"] == "a video.mp4" and origin_said(about).kind == UNKNOWN and len(written) == 20
    assert [row["frame"] for row in rows] == list(range(20)) and {row["face"] for row in rows} == {"found"}
    np.testing.assert_allclose([row["time_s"] for row in rows], np.arange(20) / 25, atol=1e-6)
    np.testing.assert_allclose([row["intensity"] for row in rows], LEVELS / 51, atol=0.1)
    for sent, row in zip(rows, written):
        assert sent == dict(
            frame=row.frame, time_s=row.time_s, media_time_s=row.media_time_s, person=1, face="found",
            box=[1.25, 2, 30, 20], confidence=0.9, landmarks=[[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]],
            doubt=None, intensity=row.intensity, spread=0.1, low=None, high=None, smoothed=None, turned=0)
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
    with mock.patch.object(jobs, "QUEUE", 4):
        rest = [served.upload(grey) for _ in range(4)]
        assert [job["before"] for job in rest] == [1, 2, 3, 4]
        assert "waiting already" in served.upload(grey, status=503)["error"]
    wait(lambda: len(served.files()) == len(rest) + 3)  # videos, and the curve that grows, with what it is of
    assert served.json("DELETE", "/api/jobs/" + rest[0]["id"])["state"] == "cancelled"
    assert served.json("GET", "/api/jobs/" + rest[1]["id"])["before"] == 1
    served.estimator.steps.release(3)
    wait(lambda: served.json("GET", "/api/jobs/" + first["id"])["done"] == 3)
    served.json("DELETE", "/api/jobs/" + first["id"])
    assert len(served.files()) == len(rest) - 1  # at once, whatever the worker does
    served.estimator.gate.set()
    assert served.until(first, "cancelled")["done"] == 3
    assert served.ask("GET", "/api/jobs/%s/video" % first["id"])[0] == 404
    for left in rest[1:]:
        served.until(left, "done")
    assert len(served.files()) == 3 * len(rest[1:])
    served.json("DELETE", "/api/jobs/" + rest[1]["id"])
    assert served.ask("GET", "/api/jobs/" + rest[1]["id"])[0] == 404
    assert len(served.files()) == 3 * len(rest[2:])


def test_a_bug_ends_one_job_only(served, grey, caplog):
    served.estimator.broken = ZeroDivisionError("a bug")
    job = served.until(served.upload(grey), "failed")
    assert "something went wrong" in job["error"] and "ZeroDivisionError" in caplog.text
    served.estimator.broken = Problem("the net: is unwell")
    assert served.until(served.upload(grey), "failed")["error"] == "the net: is unwell"
    served.estimator.broken = None
    served.until(served.upload(grey), "done")


def test_what_breaks_because_all_ends_is_no_bug(tmp_path, grey, caplog):
    """Python lets threads start no others at its end."""
    (tmp_path / "grey.mp4").write_bytes(grey)
    estimator, ended = Light(), threading.Event()

    def run(frames):
        ended.wait()
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")
        yield
    estimator.run = run
    ending = worker.Worker({"": worker.Nets(estimator, {})})
    with jobs.Jobs(ending, keep=1000) as held:
        with held.new("grey", "somebody", USUAL._replace(model=""), tmp_path / "grey.mp4") as mine:
            mine.check()
        wait(lambda: mine.state == job.RUNNING)
        with mock.patch.object(ending, "join", lambda _: ended.set()):
            ending.end()
        ending.join()
    assert caplog.text == ""


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
    with mock.patch.object(job, "time", mock.Mock(monotonic=lambda: clock[0])), \
            serving(tmp_path / "server", keep=1) as client:  # so that it looks every quarter of a second
        first, second = client.upload(grey), client.upload(grey)
        client.until(second, "done")
        client.until(first, "done")
        clock[0] = 0.9
        client.json("GET", "/api/jobs/" + second["id"])
        clock[0] = 1.1
        wait(lambda: len(client.files()) == 3)
        client.json("GET", "/api/jobs/" + first["id"], status=404)
        client.json("GET", "/api/jobs/" + second["id"])
        clock[0] = 2.2
        wait(lambda: not client.files())


def test_what_is_removed_while_old_videos_are(tmp_path):
    held = jobs.Jobs(worker.Worker({"": worker.Nets(Light(), {})}), keep=1)
    with mock.patch.object(tempfile, "tempdir", str(tmp_path)), held:
        with held.new("x", video=tmp_path / "it.mp4") as lost:
            pass
        wait(lambda: lost.state == job.FAILED)  # there is no such file

        def later():
            held.of.clear()  # as by a DELETE
            return lost.used + 2
        with mock.patch.object(job, "time", mock.Mock(monotonic=later)):
            held.remove_old()


def test_cleaning_goes_on_after_a_bug(tmp_path, grey, caplog):
    with mock.patch.object(jobs.Jobs, "drop", side_effect=ZeroDivisionError) as drop, \
            serving(tmp_path / "server", keep=0.1) as client:
        client.until(client.upload(grey), "done")
        wait(lambda: drop.call_count > 1)
    assert "ZeroDivisionError" in caplog.text


def test_files_that_something_else_removes(served, grey):
    job = served.upload(grey)
    served.until(job, "done")
    private, = served.folder.iterdir()
    shutil.rmtree(private)  # as systems do among temporary files
    for path in "", "/video", "/curve.csv", "/rows":
        assert "not here" in served.json("GET", "/api/jobs/%s%s" % (job["id"], path), status=404)["error"]
    served.until(served.upload(grey), "done")
    assert private.stat().st_mode & 0o777 == 0o700


def test_asking_whether_it_is_here_does_not_keep_it(tmp_path, grey):
    clock = [0.]
    with mock.patch.object(job, "time", mock.Mock(monotonic=lambda: clock[0])), \
            serving(tmp_path / "server", keep=1) as client:
        path = "/api/jobs/" + client.until(client.upload(grey), "done")["id"]
        clock[0] = 0.9
        assert client.ask("HEAD", path)[0] == 200
        clock[0] = 1.1
        wait(lambda: client.ask("HEAD", path)[0] == 404)


def test_a_full_disk_fails_the_job_in_a_line(served, grey):
    served.estimator.broken = OSError(errno.ENOSPC, "No space left on device")
    assert served.until(served.upload(grey), "failed")["error"] == (
        "a video.mp4: its curve cannot be written: No space left on device")


def test_nobody_is_told_where_the_nets_lie(tmp_path, grey):
    models = {"/home/me/%s/01-a/pain_iter_9.caffemodel" % name: name for name in ("l1", "l2")}
    about = dict(models=models, calibration="/home/me/l1/result")
    with serving(tmp_path / "server", about=about) as client:
        job = client.until(client.upload(grey), "done")
        answers = [client.ask("GET", path)[2].decode() for path in
                   ("/", "/api", "/api/jobs/%s/curve.csv" % job["id"], "/api/jobs/%s/rows" % job["id"])]
    assert not [answer for answer in answers if "/home" in answer]
