"""A session's videos on a real server: whose they are, with which options, what is kept beside them, how much of it."""
import contextlib
import csv
import io
import json
import tempfile
import zipfile
from unittest import mock
from urllib.parse import quote

import av
import numpy as np
import pytest

from pain.errors import Problem
from pain.notice import short_notice
from pain.page import jobs, options, worker
from pain.page.jobs import Full, Jobs
from pain.page.options import USUAL, Options, parse_options, with_options
from pain.page.session import folder_names
from pain.provenance import Origin
from pain.video.curve import read_curve
from pain.video.estimator import Estimator
from pain.video.smoothing import smooth
from pain.video.summary import summary
from support.pages import LEVELS, Light, serving, wait


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A server for the tests that leave it as they found it."""
    with serving(tmp_path_factory.mktemp("shared") / "server") as client:
        yield client


@pytest.fixture(scope="module")
def job(shared, grey):
    """A job that is done, beside which nothing is kept."""
    return shared.until(shared.upload(grey), "done")


def session_of(client):
    """The headers of a new browser."""
    return {"Cookie": client.ask("GET", "/api")[1]["Set-Cookie"].split(";")[0]}


def listed(client, headers=None):
    return client.json("GET", "/api/jobs", headers=headers)["jobs"]


def test_each_browser_has_the_videos_that_it_gave(shared, grey):
    cookie = shared.ask("GET", "/api")[1]["Set-Cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert shared.ask("GET", "/")[1]["Set-Cookie"] is None  # a link from elsewhere must not end a session
    first, second = session_of(shared), session_of(shared)
    assert first != second and shared.ask("GET", "/api", headers=first)[1]["Set-Cookie"] is None
    given = [shared.upload(grey, headers=headers)["id"] for headers in (first, second, first)]
    assert [one["id"] for one in listed(shared, first)] == [given[0], given[2]]
    assert [one["id"] for one in listed(shared, second)] == given[1:2]
    assert listed(shared) == listed(shared, {"Cookie": "session_%d=x/../y" % shared.port})
    assert not {one["id"] for one in listed(shared)} & {*given}
    shared.json("DELETE", "/api/jobs/" + given[2])
    for key in given[:2]:
        shared.until({"id": key}, "done")
    assert [one["id"] for one in listed(shared, first)] == given[:1]
    for key in given[:2]:
        shared.json("DELETE", "/api/jobs/" + key)


def test_those_that_wait_change_places(served, grey):
    served.estimator.gate.clear()
    keys = [served.upload(grey)["id"] for _ in range(4)]
    served.until({"id": keys[0]}, "running")
    assert served.json("POST", "/api/jobs/%s/place?to=0" % keys[3])["before"] == 1
    assert [one["id"] for one in listed(served)] == [keys[0], keys[3], *keys[1:3]]
    served.json("POST", "/api/jobs/%s/place?to=99" % keys[3])
    served.json("POST", "/api/jobs/%s/place?to=0" % keys[0])  # it runs already
    assert [one["id"] for one in listed(served)] == keys
    for wrong in "-1", "x", "", "1.5", "99999":
        served.json("POST", "/api/jobs/%s/place?to=%s" % (keys[3], wrong), status=400)


# Options.

def test_a_curve_is_rated_with_its_options(grey, tmp_path):
    seen = []
    with serving(tmp_path / "server", with_options=lambda same, chosen: seen.append(chosen) or same,
                 usual=USUAL._replace(track=True)) as client:
        asked = dict(min_face=0.1, filter="gaussian", seconds=0.1, thresholds=[3, 1.5])
        path = "/api/jobs?name=a.mp4&options=" + quote(json.dumps(asked))
        done = client.until(client.json("PUT", path, grey, 201), "done")
        assert seen == [Options("", True, 0.1, "gaussian", 0.1, True, (1.5, 3.0))]
        assert done["options"] == dict(seen[0]._asdict(), thresholds=[1.5, 3])
        (tmp_path / "curve.csv").write_bytes(client.ask("GET", "/api/jobs/%s/curve.csv" % done["id"])[2])
        whole = json.loads(client.ask("GET", "/api/jobs/%s/curve.json" % done["id"])[2])
        rows = read_curve(tmp_path / "curve.csv")[1]
        np.testing.assert_allclose([row.smoothed for row in rows],
                                   [row.smoothed for row in smooth(rows, "gaussian", 0.1)], atol=1e-6)
        assert whole["summary"] == summary(whole["about"], rows, (1.5, 3.0))
        assert (whole["about"]["min_face"], whole["about"]["track"]) == (0.1, True)
        grown = client.rows(done)["rows"]
        sent = client.json("GET", "/api/jobs/%s/rows?whole&from=0" % done["id"])
        assert {row["smoothed"] for row in grown} == {None}
        place = sent["columns"].index("smoothed")
        assert [row[place] for row in sent["rows"]] == [row.smoothed for row in rows]
        again = "/api/jobs/%s/again?options=%s" % (done["id"], quote('{"track": false}'))
        other = client.until(client.json("POST", again, status=201), "done")
        assert not seen[1].track and other["done"] == 20 and other["id"] != done["id"]
        client.json("DELETE", "/api/jobs/" + done["id"])
        assert client.ask("GET", "/api/jobs/%s/video" % other["id"])[2] == grey


@pytest.mark.parametrize("text", [
    "[]", "{", '{"x": 1}', '{"track": 1}', '{"min_face": 0}', '{"min_face": true}', '{"min_face": "0.2"}',
    '{"filter": "x"}', '{"seconds": 0}', '{"seconds": NaN}', '{"seconds": 1e400}', '{"thresholds": []}',
    '{"thresholds": [0]}', '{"thresholds": [1, 2, 3, 4, 5, 5]}', '{"thresholds": [[1]]}', '{"thresholds": 2}',
    '{"filter": {}}', '{"track": null}', '{"model": 1}', '{"model": "other"}'])
def test_other_options_are_refused(shared, grey, text):
    with pytest.raises(Problem):
        parse_options(text)
    assert "option" in shared.json("PUT", "/api/jobs?options=" + quote(text), grey, 400)["error"]


def test_an_estimator_with_options_has_the_same_nets():
    estimator = Estimator("nets", mock.Mock(min_face=0.2), gap=7, calibration="calibration")
    assert with_options(estimator, USUAL) is estimator
    with mock.patch.object(options, "load_estimator") as load:
        with_options(estimator, USUAL._replace(track=True, calibrated=False))
    load.assert_called_once_with("nets", min_face=0.2, gap=7, track=True, calibration=None)


# What is kept beside a video.

def test_labels_and_episodes_are_kept_beside_it(shared, grey):
    job = shared.until(shared.upload(grey), "done")
    path, episode = "/api/jobs/%s/" % job["id"], {"name": "a \u00e9", "person": 1, "first": 2, "last": 9}
    assert shared.json("GET", path + "marks") == {"episodes": [], "labels": None}
    put = shared.json("PUT", path + "labels?name=rater.csv", b"frame,label\n0,2\n3,4\n")
    state = shared.json("PUT", path + "episodes", json.dumps({"episodes": [episode], "csv": "name\nx\n"}).encode())
    assert (state["labels"], state["episodes"]) == (True, 1)
    assert shared.json("GET", path + "marks") == {"episodes": [episode], "labels": put}
    assert put["raters"][0]["at"] == [0, 3]
    shared.json("PUT", path + "labels", b"nonsense", 400)  # the good ones stay
    assert shared.json("GET", path + "marks")["labels"] == put
    assert shared.ask("GET", path + "labels.csv")[2] == b"frame,label\n0,2\n3,4\n"
    other = shared.json("POST", path + "again", status=201)
    assert other["labels"] and other["episodes"] == 0
    for one in job, shared.until(other, "done"):
        shared.json("DELETE", "/api/jobs/" + one["id"])


@pytest.mark.parametrize("content", [
    b"", b"[]", b"{}", b"\xff", b'{"episodes": [], "csv": 1}', b'{"episodes": 1, "csv": ""}',
    b'{"episodes": [1], "csv": ""}', b'{"episodes": [], "csv": "\\ud800"}', b"[" * 9999,
    *(json.dumps({"csv": "", "episodes": [dict({"name": "x", "person": 1, "first": 2, "last": 9}, **wrong)]}).encode()
      for wrong in ({"first": 9}, {"first": -1}, {"name": 1}, {"person": None}, {"person": True}, {"more": 1}))])
def test_other_episodes_are_refused(shared, job, content):
    path = "/api/jobs/%s/episodes" % job["id"]
    assert "no episodes of this page" in shared.json("PUT", path, content, 400)["error"]
    assert shared.json("GET", "/api/jobs/" + job["id"])["episodes"] == 0


def test_what_is_too_large(shared, job):
    for path, method in ("episodes", "PUT"), ("labels", "PUT"):
        content = bytes(21 * 10 ** 6)
        assert "at most" in shared.json(method, "/api/jobs/%s/%s" % (job["id"], path), content, 413)["error"]


# What is taken away.

def test_all_of_a_session_in_one_archive(shared, job, grey):
    headers = session_of(shared)
    shared.json("GET", "/api/session.zip", headers=headers, status=409)
    shared.json("GET", "/api/study.csv", headers=headers, status=409)
    given = [shared.until(shared.upload(grey, name, headers=headers), "done")["id"]
             for name in ("sub-01_arm.mp4", "..%2F..%2Fetc", "sub-01_arm.mov")]
    shared.json("POST", "/api/jobs/%s/annotated" % given[0])
    status, answered, content = shared.ask("GET", "/api/session.zip", headers=headers)
    assert status == 200 and answered["Content-Type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    names = {name.rpartition("/")[0] for name in archive.namelist()}
    assert names == {"", "sub-01_arm", "etc", "sub-01_arm (2)"}
    for key, name in zip(given, ("sub-01_arm", "etc", "sub-01_arm (2)")):
        for file in "curve.csv", "curve.json":
            assert archive.read(name + "/" + file) == shared.ask("GET", "/api/jobs/%s/%s" % (key, file))[2]
    assert b"START" in archive.read("etc/curve.boris.csv") and b"WEBVTT" in archive.read("etc/curve.vtt")
    table = list(csv.DictReader(io.StringIO(archive.read("study.csv").decode())))
    assert [row["curve"] for row in table] == ["sub-01_arm", "etc", "sub-01_arm (2)"] and table[0]["sub"] == "01"
    assert shared.ask("GET", "/api/study.csv", headers=headers)[2] == archive.read("study.csv")
    above = shared.ask("GET", "/api/study.csv?options=" + quote('{"thresholds": [4]}'), headers=headers)[2].decode()
    assert "above_4_share" in above.splitlines()[0] and "above_1_share" not in above
    with av.open(io.BytesIO(archive.read("sub-01_arm/annotated.mp4"))) as film:
        assert sum(1 for _ in film.decode(video=0)) == len(LEVELS)
    for key in given:
        shared.json("DELETE", "/api/jobs/" + key)


def test_names_of_folders():
    given = "a/b\\c.mp4", "..", "", "x.mp4", "X.mov", "x (2).mp4", "CON:1.mp4", "\u00e9t\u00e9 1.mp4", "z" * 99
    assert folder_names(given) == [
        "b_c", "video", "video (2)", "x", "X (2)", "x (2) (2)", "CON_1", "\u00e9t\u00e9 1", "z" * 60]


def test_what_is_not_done_has_no_whole_curve(served, grey):
    served.estimator.gate.clear()
    key = served.upload(grey)["id"]
    for method, path in ("GET", "curve.json"), ("POST", "annotated"):
        assert "not done" in served.json(method, "/api/jobs/%s/%s" % (key, path), status=409)["error"]
    served.json("GET", "/api/jobs/%s/annotated.mp4" % key, status=404)


def test_a_removed_video_is_no_longer_annotated(served, grey):
    done = served.until(served.upload(grey), "done")
    from pain.page.job import Annotator
    with mock.patch.object(Annotator, "add", lambda *_: served.json("DELETE", "/api/jobs/" + done["id"])):
        served.json("POST", "/api/jobs/%s/annotated" % done["id"], status=400)
    assert served.files() == []


def test_a_curve_from_a_file(shared, job):
    content = shared.ask("GET", "/api/jobs/%s/curve.csv" % job["id"])[2]
    answer = shared.json("POST", "/api/curve?name=other.csv", content)
    assert {key: answer[key] for key in ("columns", "rows")} == {
        key: shared.json("GET", "/api/jobs/%s/rows" % job["id"])[key] for key in ("columns", "rows")}
    assert answer["notice"] == short_notice(Origin())
    said = shared.json("POST", "/api/curve?name=other.csv", b"a,b\n1,2\n", 400)["error"]
    assert said.startswith("other.csv: not a curve")


# How much is kept.

def test_the_oldest_unused_makes_room(tmp_path, grey):
    with serving(tmp_path / "server", quota=int(1.5 * len(grey))) as client:
        assert client.json("GET", "/api/jobs")["nearly_full"] is False
        first = client.until(client.upload(grey), "done")
        full = client.json("GET", "/api/jobs")
        assert full["nearly_full"] and full["kept_bytes"] > len(grey)
        second = client.upload(grey)
        assert client.ask("HEAD", "/api/jobs/" + first["id"])[0] == 404
        client.until(second, "done")
    with serving(tmp_path / "other", quota=len(grey) - 1) as client:
        assert "--quota-mb" in client.upload(grey, status=507)["error"] and client.files() == []


def test_what_makes_room(tmp_path):
    held = Jobs(worker.Worker({"": worker.Nets(Light(), {})}), keep=99, quota=1000)
    with mock.patch.object(tempfile, "tempdir", str(tmp_path)), held:
        made = []
        for used in 3, 1, 2:
            with held.new("x", video=tmp_path / "missing.mp4") as one:
                (one.folder / "x").write_bytes(bytes(300))
            made.append(one)
            wait(lambda: made[-1].state == jobs.FAILED)  # there is no such file
            one.used = used
        assert held.kept() == 900
        held.make_room(100)
        assert set(held.of.values()) == set(made)
        with pytest.raises(Full):
            held.make_room(1001)
        assert set(held.of.values()) == set(made)
        held.make_room(101)
        assert set(held.of.values()) == {made[0], made[2]} and not made[1].folder.exists()
        with contextlib.suppress(Full), held.new("y") as coming:
            coming.expected = 400  # which is still to come, and may not be removed
            held.make_room(250)
            assert set(held.of.values()) == {made[0]}
            held.make_room(700)
        assert set(held.of.values()) == {made[0]}
