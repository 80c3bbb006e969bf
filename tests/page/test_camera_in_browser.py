"""The camera in a real browser, which plays it."""
import time

from support.browser import needs_browser

pytestmark = needs_browser


def test_the_camera(page, real):
    page.open(real.origin)
    page.click("#mode-camera")
    assert "Nothing is recorded" in page.js("document.getElementById('camera').innerText")
    page.click("#camera-start")
    page.wait("Number(document.getElementById('plot').dataset.frames) > 5")
    assert page.text("read-face") == "none"  # Chromium's test picture has none
    page.click("#camera-stop")
    assert page.js("document.getElementById('picture').srcObject") is None
    page.js("new Promise(requestAnimationFrame)")  # what came before the end is drawn now
    count = page.js("document.getElementById('plot').dataset.frames")
    time.sleep(0.3)
    assert page.js("document.getElementById('plot').dataset.frames") == count
    page.js("(drawn => new MutationObserver(() => drawn.push(Number(document.getElementById('plot').dataset.frames)))"
            ".observe(document.getElementById('plot'), {attributeFilter: ['data-frames']}))(window.drawn = [])")
    page.click("#camera-start")
    page.wait("window.drawn.some(frames => frames < %s)" % count)
    page.click("#mode-video")
    page.wait("document.getElementById('picture').srcObject === null && !document.getElementById('start').hidden")
