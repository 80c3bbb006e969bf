"""A video's way to the server, as a browser sends it: progress, cancelling, and what is no video."""
import numpy as np
import pytest

from support.browser import needs_browser
from support.page_in_browser import FRAMES
from support.pages import Light, serving, wait
from support.videos import write as write_video

pytestmark = needs_browser


def test_what_is_no_video_and_what_is_too_large(chromium, real, tmp_path):
    page = chromium
    page.open(real.origin)
    (tmp_path / "words.mp4").write_text("no video " * 100)
    page.give("file", tmp_path / "words.mp4")
    said = page.wait("!document.getElementById('error').hidden && document.querySelector('#error p').textContent")
    assert said.startswith("words.mp4: ") and "\n" not in said
    assert page.js("document.getElementById('error').getAttribute('role')") == "alert"
    assert page.js("document.getElementById('start').hidden") is False
    page.click("#error button")
    (tmp_path / "large.mp4").write_bytes(bytes(10 ** 6 + 1))
    page.give("file", tmp_path / "large.mp4")
    assert "at most 1.0 MB" in page.wait(
        "!document.getElementById('error').hidden && document.querySelector('#error p').textContent")
    assert [path for path in real.files() if path.stat().st_size > 10 ** 6] == []
    errors = page.said()
    assert all("415" in message for message in errors), errors  # a browser's own note of the answer


def test_a_name_is_text(page, real, sample, tmp_path):
    path = tmp_path / "<img src=x onerror=alert(1)>.mp4"
    path.write_bytes(sample.read_bytes())
    page.open_done(real, path)
    assert page.text("name") == path.name and page.js("document.querySelectorAll('#name *').length") == 0


def test_progress_cancel_and_a_format_it_cannot_play(chromium, tmp_path):
    page = chromium
    write_video(tmp_path / "old.avi", [np.full((48, 64, 3), level, np.uint8) for level in range(0, 200, 10)], "mpeg4")
    with serving(tmp_path / "server", Light()) as client:
        client.estimator.gate.clear()
        page.open(client.origin)
        page.give("file", tmp_path / "old.avi")
        client.estimator.steps.release(5)
        page.wait("document.getElementById('status').textContent.startsWith('5 of 20 frames')")
        assert page.js("document.getElementById('progress').value") == 0.25
        page.wait("document.getElementById('plot').dataset.frames === '5'")
        page.wait("!document.getElementById('unplayable').hidden")
        page.keys("\ue010")
        assert page.frame() == 4 and float(page.text("read-intensity")) == pytest.approx(40 / 51, abs=0.1)
        page.wait("document.getElementById('said').textContent.startsWith('5 of 20 frames')")
        page.click("#cancel")
        page.wait("!document.getElementById('start').hidden")
        client.estimator.gate.set()
        wait(lambda: not client.files())
        assert page.wait("document.activeElement.id === 'choose'")


def test_a_video_on_its_way_is_cancelled(page, real, tmp_path):
    (tmp_path / "long.mp4").write_bytes(bytes(900000))
    page.open(real.origin)
    page.cdp("Network.enable")
    before = real.files()
    slow = dict(offline=False, latency=0, downloadThroughput=-1, uploadThroughput=100000)
    page.cdp("Network.emulateNetworkConditions", **slow)
    page.give("file", tmp_path / "long.mp4")
    page.wait("document.getElementById('status').textContent.startsWith('sending, ')")
    page.click("#cancel")
    page.wait("!document.getElementById('start').hidden && document.getElementById('error').hidden")
    page.cdp("Network.emulateNetworkConditions", **dict(slow, uploadThroughput=-1))
    wait(lambda: real.files() == before)


def test_the_sample(page, real):
    page.open(real.origin)
    page.click("#take-sample")
    page.wait("document.getElementById('agreement').textContent.includes('over %d frames')" % FRAMES)
