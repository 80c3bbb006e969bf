"""What a person has made on the page is not lost: by leaving it, by another video, by the server's clearing up."""
import csv
import io
import json
from unittest import mock

import pytest

from pain.notice import short_notice
from pain.page import job as job_module
from pain.provenance import Origin
from support.browser import needs_browser
from support.pages import serving, wait

pytestmark = needs_browser
FRAMES = 20


@pytest.fixture
def video(tmp_path, grey):
    (tmp_path / "visit.mp4").write_bytes(grey)
    return tmp_path / "visit.mp4"


def asks(page):
    """Whether the browser would ask before it leaves the page."""
    return not page.js("dispatchEvent(new Event('beforeunload', {cancelable: true}))")


def mark(page):
    page.keys("\ue011", "[", *["\ue014"] * 5, "]")  # Home, and five frames to the right


def saved(page, name):
    """The rows of a CSV file that the browser has saved, which is then removed."""
    rows = list(csv.DictReader(io.StringIO(page.saved(name).decode())))
    (page.downloads / name).unlink()
    return rows


def test_no_page_outlives_its_server(chromium, tmp_path, video):
    """Or it would ask for its job, and complain in the log while another test reads that."""
    with serving(tmp_path / "server") as client:
        chromium.open_done(client, video, FRAMES)
    assert chromium.driver.current_url == "about:blank" and chromium.said() == []


def test_episodes_are_kept_until_they_are_saved(chromium, served, video):
    page = chromium
    page.open_done(served, video, FRAMES)
    assert not asks(page)
    mark(page)
    assert asks(page)
    page.click("#another")
    assert asks(page) and "1 episode, not saved" in page.text("queue")
    page.open(served.origin)  # the page is loaded again
    assert "visit.mp4" in page.text("queue") and "1 episode, not saved" in page.text("queue")
    page.open_done(served, video, FRAMES)
    assert page.js("document.getElementById('no-episodes').hidden") is False  # those of another video
    page.click("#another")
    page.click("#queue .show")
    page.wait("document.querySelectorAll('#episode-rows tr').length === 1")
    page.wait("document.getElementById('plot').dataset.frames === '20'")
    page.choose("#episode-rows input", "=1+1")
    page.click("#save-episodes")
    episode, = saved(page, "visit.episodes.csv")
    assert (episode["onset_frame"], episode["offset_frame"], episode["name"]) == ("0", "5", "'=1+1")
    assert episode["notice"] == short_notice(Origin())
    assert not asks(page)
    mark(page)
    assert asks(page)
    page.click("#another")
    page.wait("document.getElementById('queue').textContent.includes('2 episodes')")
    page.click("#queue .episodes")
    assert len(saved(page, "visit.episodes.csv")) == 2 and not asks(page)
    page.wait("!document.getElementById('queue').textContent.includes('not saved')")
    errors = page.said()
    assert all("'beforeunload'" in message for message in errors), errors  # it asks only those who have done something


def test_the_browser_itself_asks(page, served, video):
    page.open_done(served, video, FRAMES)
    mark(page)
    page.driver.get_log("performance")
    page.driver.get(served.origin + "/?elsewhere")  # chromedriver says yes
    events = [json.loads(entry["message"])["message"] for entry in page.driver.get_log("performance")]
    assert "beforeunload" in [event["params"]["type"] for event in events
                              if event["method"] == "Page.javascriptDialogOpening"]
    page.wait("document.getElementById('queue').textContent.includes('1 episode, not saved')")


def test_removing_a_video_asks_for_its_episodes(page, served, video):
    job = page.open_done(served, video, FRAMES)
    mark(page)
    page.click("#cancel")
    alert = page.driver.switch_to.alert
    assert "1 episode not saved" in alert.text
    alert.dismiss()
    assert served.ask("HEAD", "/api/jobs/" + job)[0] == 200 and asks(page)
    page.click("#cancel")
    page.driver.switch_to.alert.accept()
    page.wait("!document.getElementById('start').hidden")
    assert served.ask("HEAD", "/api/jobs/" + job)[0] == 404 and not asks(page)
    page.wait("document.getElementById('queue').hidden")


def test_a_video_that_the_server_has_removed(chromium, tmp_path, video):
    page = chromium
    with mock.patch.object(job_module, "time", mock.Mock(monotonic=lambda: 0.)), \
            serving(tmp_path / "server", keep=2) as client:  # so that the page looks for it every half second
        job = page.open_done(client, video, FRAMES)
        content = client.ask("GET", "/api/jobs/%s/curve.csv" % job)[2]
        mark(page)
        client.json("DELETE", "/api/jobs/" + job)
        said = page.wait("!document.getElementById('error').hidden && document.getElementById('error').textContent")
        assert "visit.mp4: removed from the server" in said
        assert page.text("status") == "20 frames, removed from the server"
        assert client.ask("HEAD", "/api/jobs/" + job)[0] == 404 and client.files() == []
        page.click("#mode-camera"), page.click("#camera-start")
        page.wait("Number(document.getElementById('plot').dataset.frames) % 20 > 0")  # the camera's curve
        page.click("#mode-video")
        page.wait("document.getElementById('plot').dataset.frames === '20'")
        page.click("#save-csv"), page.click("#save-png"), page.click("#save-episodes")
        assert page.saved("visit.curve.csv") == content and page.saved("visit.curve.png")[:4] == b"\x89PNG"
        assert len(saved(page, "visit.episodes.csv")) == 1
        page.click("#another")
        page.wait("document.getElementById('queue').textContent.includes('removed from the server; 1 episode')")
        page.click("#queue .show")
        page.wait("document.querySelector('#error p').textContent.startsWith('That video is not here')")
        page.click("#queue .episodes")
        assert len(saved(page, "visit.episodes.csv")) == 1
    errors = page.said()
    assert all("404" in message for message in errors), errors  # a browser's own note of the answer


def test_what_is_wrong_with_the_camera_goes_with_it(page, served):
    def error():
        return page.js("document.getElementById('error').hidden ? '' : document.querySelector('#error p').textContent")

    rate = served.estimator.rate_picture
    page.open(served.origin)
    page.click("#mode-camera")
    for leave in "#camera-stop", "#mode-video":
        served.estimator.rate_picture = lambda *_: 1 / 0
        page.click("#camera-start")
        wait(lambda: "something went wrong" in error())
        served.estimator.rate_picture = rate
        wait(lambda: not error())  # the next picture is fine
        served.estimator.rate_picture = lambda *_: 1 / 0
        wait(error)
        page.click(leave)
        assert error() == ""
    page.js("navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('in use'))")
    page.click("#mode-camera"), page.click("#camera-start")
    wait(lambda: "in use" in error())
    page.click("#mode-video")
    assert error() == ""


def test_a_file_that_is_not_taken_is_answered_with_those_that_are(chromium, served, tmp_path):
    page = chromium
    kinds = json.loads(served.ask("GET", "/api")[2])["kinds"]
    page.open(served.origin)
    assert page.text("limits").startswith(kinds) and "GIF" in kinds
    (tmp_path / "song.mp3").write_bytes(b"ID3\3" + bytes(2000))
    page.give("file", tmp_path / "song.mp3")
    said = page.wait("!document.getElementById('error').hidden && document.querySelector('#error p').textContent")
    assert said.startswith("song.mp3: not a video") and kinds in said
    page.js("""(() => { const dataTransfer = new DataTransfer();
        for (const name of ["a.mp4", "b.mp4"]) dataTransfer.items.add(new File(["x"], name));
        document.body.dispatchEvent(new DragEvent("drop", {dataTransfer, bubbles: true, cancelable: true})); })()""")
    page.wait("document.querySelector('#error p').textContent.startsWith('b.mp4: ')")  # and a.mp4 before it
    assert page.js("document.getElementById('start').hidden") is False
    errors = page.said()
    assert all("415" in message for message in errors), errors  # a browser's own note of the answer
