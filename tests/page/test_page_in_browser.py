"""pain/page/static in a real browser: a real video through real nets, and all that a person can do with its curve."""
import base64
import csv
import http.server
import io
import json
import re
import threading
import time

import numpy as np
import pytest
from PIL import Image

from pain.page import server as server_module
from pain.video import curve
from pain.video import labels as labels_module
from pain.video import sample as sample_module
from pain.video.estimator import load_estimator
from support.browser import Browser, needs_browser
from support.pages import Light, serving
from support.videos import write as write_video

pytestmark = needs_browser
FRAMES = 40
CAMERA = "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A drawn video of 40 frames, and its labels beside it."""
    path = tmp_path_factory.mktemp("sample") / "drawn.mp4"
    images, labels = zip(*sample_module.draw(frames=FRAMES))
    sample_module.write_video(path, images)
    path.with_suffix(".csv").write_text("frame,label\n" + "".join("%d,%d\n" % pair for pair in enumerate(labels)))
    return path


@pytest.fixture(scope="module")
def real(models, sample, tmp_path_factory):  # noqa: F811
    """A server with nets of random weights."""
    folder = tmp_path_factory.mktemp("real") / "server"
    with serving(folder, load_estimator([models], min_face=0.3), sample=sample, most=10 ** 6) as client:
        yield client


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("downloads"), *CAMERA)
    yield browser
    browser.driver.quit()


@pytest.fixture
def page(chromium):
    yield chromium
    chromium.js("sessionStorage.clear()")
    assert [entry for entry in chromium.driver.get_log("browser") if "favicon" not in entry["message"]] == []


def text(page, name):
    return page.js("document.getElementById(arguments[0]).textContent", name)


def give(page, name, path):
    page.driver.find_element("id", name).send_keys(str(path))


def open_done(page, client, path, frames=FRAMES):
    """Open the page, give it a video and wait for the whole curve. Returns the job's id."""
    page.open(client.origin)
    give(page, "file", path)
    page.wait("document.getElementById('status').textContent === '%d frames'" % frames)
    page.wait("document.getElementById('plot').dataset.frames === '%d'" % frames)
    return page.js("location.hash.slice(1)")


@pytest.fixture(scope="module")
def job(real, sample):
    """The id of a job that is done."""
    return real.until(real.upload(sample.read_bytes(), "drawn.mp4"), "done")["id"]


@pytest.fixture
def opened(page, real, job):
    """The page with that job's curve."""
    open_job(page, real, job)
    return page


def open_job(page, client, job, **options):
    page.open(client.origin + "/#" + job, **options)
    page.wait("document.getElementById('plot').dataset.frames === '%d'" % FRAMES)


def keys(page, *those):
    from selenium.webdriver import ActionChains
    page.js("document.getElementById('plot').focus()")
    ActionChains(page.driver).send_keys(*those).perform()


def drag(page, start, end, shift=False):
    """Press at one share of the plot's width and release at another."""
    from selenium.webdriver import ActionChains, Keys
    page.js("document.getElementById('plot').scrollIntoView({block: 'center'})")
    plot = page.driver.find_element("id", "plot")
    width = plot.size["width"]
    chain = ActionChains(page.driver, duration=20)
    if shift:
        chain.key_down(Keys.SHIFT)
    chain.move_to_element_with_offset(plot, int((start - 0.5) * width), 0).click_and_hold()
    chain.move_to_element_with_offset(plot, int((end - 0.5) * width), 0).release()
    if shift:
        chain.key_up(Keys.SHIFT)
    chain.perform()


def frame(page):
    return int(page.js("document.getElementById('plot').getAttribute('aria-valuenow')"))


def saved(page, name):
    """A download's bytes, once it is there."""
    for _ in range(400):
        if (page.downloads / name).exists():
            return (page.downloads / name).read_bytes()
        time.sleep(0.02)
    raise AssertionError("%s never came; there is %s" % (name, list(page.downloads.iterdir())))


def read_rows(client, job, folder):
    (folder / "curve.csv").write_bytes(client.ask("GET", "/api/jobs/%s/curve.csv" % job)[2])
    return curve.read_curve(folder / "curve.csv")[1]


def test_from_a_file_to_a_curve_in_step(page, real, sample, tmp_path):
    from selenium.webdriver import Keys
    job = open_done(page, real, sample)
    rows = read_rows(real, job, tmp_path)
    assert len(rows) == FRAMES and {row.face for row in rows} == {curve.FOUND}
    page.wait("document.getElementById('video').readyState >= 2")

    def in_step(at):
        """The reading is the frame's row, and the player shows that frame."""
        row = rows[at]
        assert frame(page) == at and text(page, "read-frame") == str(at)
        assert text(page, "read-intensity") == ("–" if np.isnan(row.intensity) else "%.2f" % row.intensity)
        assert text(page, "read-face") == "found" and text(page, "read-doubt") == (row.doubt or "–")
        page.wait("!document.getElementById('video').seeking")
        assert at / 25 < page.js("document.getElementById('video').currentTime") < (at + 1) / 25
        assert text(page, "read-frame") == str(at)  # whatever the player has said since

    assert 0 < np.nanmean([row.spread for row in rows])
    keys(page, Keys.END), in_step(39)
    keys(page, Keys.HOME), in_step(0)
    keys(page, *[Keys.ARROW_RIGHT] * 7), in_step(7)
    keys(page, Keys.ARROW_LEFT), in_step(6)
    keys(page, Keys.ARROW_UP), in_step(31)
    keys(page, Keys.ARROW_DOWN), in_step(6)
    keys(page, Keys.PAGE_DOWN), in_step(0)
    drag(page, 0.5, 0.5)
    assert 16 <= frame(page) <= 22
    in_step(frame(page))
    drag(page, 0.3, 0.8)
    assert 30 <= frame(page) <= 32
    in_step(frame(page))
    shown = page.js("document.getElementById('tip').textContent").split("\n")
    assert "frame %d" % frame(page) in shown and "face found" in shown
    said = page.wait("document.getElementById('said').textContent.includes('intensity') && "
                     "document.getElementById('said').textContent")
    assert said == ", ".join(shown)
    value = page.js("document.getElementById('plot').getAttribute('aria-valuetext')")
    assert "frame %d" % frame(page) in value and "face found" in value


def test_it_plays_in_step(opened):
    keys(opened, " ")
    opened.wait("document.getElementById('video').ended")
    assert opened.wait("document.getElementById('read-frame').textContent === '39'")
    assert opened.js("document.getElementById('video').getAttribute('src')").startswith("/api/jobs/")


def test_the_boxes_are_where_the_faces_are(opened, real, job, tmp_path):
    row = read_rows(real, job, tmp_path)[0]
    opened.wait("document.getElementById('video').readyState >= 2")
    found = opened.js("""(() => { const canvas = document.getElementById('marks');
        const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        const at = []; for (let i = 3; i < data.length; i += 4) if (data[i] > 200) at.push((i - 3) / 4);
        const xs = at.map(i => i % canvas.width), ys = at.map(i => Math.floor(i / canvas.width));
        return [Math.min(...xs) / canvas.width, Math.max(...xs) / canvas.width, Math.min(...ys) / canvas.height,
                Math.max(...ys) / canvas.height]; })()""")
    x, y, width, height = row.box
    np.testing.assert_allclose(found, [x / 320, (x + width) / 320, y / 240, (y + height) / 240], atol=0.01)


def test_it_loads_nothing_from_elsewhere(page, real, sample):
    page.driver.get_log("performance")
    open_done(page, real, sample)
    events = [json.loads(entry["message"])["message"] for entry in page.driver.get_log("performance")]
    asked = {event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"}
    assert len(asked) > 5 and all(url.startswith((real.origin, "about:", "data:", "blob:")) for url in asked), asked


def test_labels_beside_it(opened, real, job, sample, tmp_path):
    rows = read_rows(real, job, tmp_path)
    given = [line.split(",") for line in sample.with_suffix(".csv").read_text().split()[1:]]
    some = given[5:30]
    by_time = "time_s,label,more\n" + "".join("%.3f,%s,x\n" % (int(at) / 25 + 0.015, label) for at, label in some)
    for content in sample.with_suffix(".csv").read_text(), by_time, "label;frame\r\n" + "".join(
            "%s;%s\r\n" % (label, at) for at, label in some):
        (tmp_path / "truth.csv").write_text(content)
        (tmp_path / "commas.csv").write_text(content.replace(";", ","))
        give(opened, "labels", tmp_path / "truth.csv")
        expected = labels_module.compare(rows, labels_module.labels(tmp_path / "commas.csv"))
        said = opened.wait("document.getElementById('agreement').textContent.includes('%d frames') && "
                         "document.getElementById('agreement').textContent" % expected["frames"])
        figures = [float(value) for value in re.search(r"MAE (\S+), PCC (\S+)\.", said).groups()]
        assert figures == pytest.approx([expected["mae"], expected["pcc"]], abs=0.0011)  # of rows with four decimals
    keys(opened, *["\ue014"] * 9)
    assert text(opened, "read-label") == given[9][1] + ".0"
    for content, said in [("frame,label\n3,7\n", "line 2: the label is not an integer 0..5"),
                          ("frame,label\n3,1\n3,2\n", "line 3: the frame is there more than once"),
                          ("frame,label\n1.5,1\n", "line 2: the frame is none"),
                          ("a,b\n1,2\n", "no columns frame,label"), ("", "no columns"), ("frame,label\n", "no labels")]:
        path = tmp_path / "wrong.csv"
        path.write_text(content)
        give(opened, "labels", path)
        opened.wait("document.querySelector('#error p').textContent.startsWith(%s)" % json.dumps("wrong.csv: " + said))
    assert text(opened, "read-label") == given[9][1] + ".0"  # the good ones stay


def test_episodes_are_marked_named_and_saved(opened, real, job, tmp_path):
    from selenium.webdriver import Keys
    rows = read_rows(real, job, tmp_path)
    keys(opened, "]")
    assert "Set the onset first" in text(opened, "error")
    keys(opened, *[Keys.ARROW_RIGHT] * 5, "[", *[Keys.ARROW_RIGHT] * 8, "]")
    drag(opened, 0.5, 0.9, shift=True)
    assert opened.js("document.querySelectorAll('#episode-rows tr').length") == 2
    assert frame(opened) == 13 and opened.js("document.getElementById('error').hidden")  # marking moves nothing
    name = opened.driver.find_element("css selector", "#episode-rows input")
    name.send_keys(Keys.CONTROL, "a", Keys.NULL, 'a "sharp", <b>one</b>', Keys.ENTER)
    opened.wait("document.querySelector('#episode-rows button').getAttribute('aria-label').includes('sharp')")
    assert opened.js("document.activeElement.value.includes('sharp')")  # the focus stays
    opened.click("#save-episodes")
    first, second = csv.DictReader(io.StringIO(saved(opened, "drawn.episodes.csv").decode()))
    assert (first["name"], first["onset_frame"], first["offset_frame"]) == ('a "sharp", <b>one</b>', "5", "13")
    for episode in first, second:
        onset, apex, offset = (int(episode[key + "_frame"]) for key in ("onset", "apex", "offset"))
        values = [row.intensity for row in rows[onset:offset + 1]]
        assert apex == onset + int(np.nanargmax(values))
        assert float(episode["peak"]) == pytest.approx(max(values), abs=1e-4)
        assert float(episode["apex_s"]) == pytest.approx(apex / 25)
    assert 16 <= int(second["onset_frame"]) <= 22 and 32 <= int(second["offset_frame"]) <= 37
    buttons = opened.driver.find_elements("css selector", "#episode-rows button")
    buttons[4].click()
    assert frame(opened) == int(second["onset_frame"])
    opened.open(real.origin + "/#" + job)  # they and the curve are there again
    opened.wait("document.getElementById('plot').dataset.frames === '%d'" % FRAMES)
    assert opened.js("document.querySelector('#episode-rows input').value") == 'a "sharp", <b>one</b>'
    for left in 1, 0:
        opened.driver.find_element("css selector", "#episode-rows td:last-child button").click()
        assert opened.js("document.querySelectorAll('#episode-rows tr').length") == left


def test_downloads(opened, real, job):
    opened.click("#save-csv")
    assert saved(opened, "drawn.curve.csv") == real.ask("GET", "/api/jobs/%s/curve.csv" % job)[2]
    opened.click("#save-png")
    picture = np.asarray(Image.open(io.BytesIO(saved(opened, "drawn.curve.png"))).convert("RGB")).astype(int)
    assert picture.shape == (920, 2400, 3)
    blue = (abs(picture - np.array([0, 0x72, 0xb2])) < 12).all(axis=-1)  # the curve's colour, from end to end
    columns = np.flatnonzero(blue.any(axis=0))
    assert columns.min() < 110 and columns.max() > 2350 and len(columns) > 2000


def test_threshold_and_zoom(opened, real, job, tmp_path):
    rows = read_rows(real, job, tmp_path)
    middle = round(float(np.nanmedian([row.intensity for row in rows])), 1)
    opened.js("(box => { box.value = arguments[0]; box.dispatchEvent(new Event('input')); })"
            "(document.getElementById('threshold'))", middle)
    with_one = [row.intensity for row in rows if not np.isnan(row.intensity)]
    above = sum(value >= middle for value in with_one)
    opened.wait("document.getElementById('above').textContent.includes('in %d frame')" % above)
    assert "%.0f %%" % (100 * above / len(with_one)) in text(opened, "above")
    keys(opened, "\ue010", "+")  # End
    drag(opened, 0.06, 0.06)
    assert frame(opened) >= 15  # the left edge is no longer the beginning
    keys(opened, "0")
    drag(opened, 0.06, 0.06)
    assert frame(opened) <= 2


def test_what_is_no_video_and_what_is_too_large(chromium, real, tmp_path):
    page = chromium
    page.open(real.origin)
    (tmp_path / "words.mp4").write_text("no video " * 100)
    give(page, "file", tmp_path / "words.mp4")
    said = page.wait("!document.getElementById('error').hidden && document.querySelector('#error p').textContent")
    assert said.startswith("words.mp4: ") and "\n" not in said
    assert page.js("document.getElementById('error').getAttribute('role')") == "alert"
    assert page.js("document.getElementById('start').hidden") is False
    page.click("#error button")
    (tmp_path / "large.mp4").write_bytes(bytes(10 ** 6 + 1))
    give(page, "file", tmp_path / "large.mp4")
    assert "at most 1.0 MB" in page.wait(
        "!document.getElementById('error').hidden && document.querySelector('#error p').textContent")
    assert [path for path in real.files() if path.stat().st_size > 10 ** 6] == []
    errors = [entry["message"] for entry in page.driver.get_log("browser")]
    assert all("415" in message for message in errors), errors  # a browser's own note of the answer


def test_a_name_is_text(page, real, sample, tmp_path):
    path = tmp_path / "<img src=x onerror=alert(1)>.mp4"
    path.write_bytes(sample.read_bytes())
    open_done(page, real, path)
    assert text(page, "name") == path.name and page.js("document.querySelectorAll('#name *').length") == 0


def test_progress_cancel_and_a_format_it_cannot_play(chromium, tmp_path):
    page = chromium
    write_video(tmp_path / "old.avi", [np.full((48, 64, 3), level, np.uint8) for level in range(0, 200, 10)], "mpeg4")
    with serving(tmp_path / "server", Light()) as client:
        client.estimator.gate.clear()
        page.open(client.origin)
        give(page, "file", tmp_path / "old.avi")
        client.estimator.steps.release(5)
        page.wait("document.getElementById('status').textContent.startsWith('5 of 20 frames')")
        assert page.js("document.getElementById('progress').value") == 0.25
        page.wait("document.getElementById('plot').dataset.frames === '5'")
        page.wait("!document.getElementById('unplayable').hidden")
        keys(page, "\ue010")
        assert frame(page) == 4 and float(text(page, "read-intensity")) == pytest.approx(40 / 51, abs=0.1)
        page.wait("document.getElementById('said').textContent.startsWith('5 of 20 frames')")
        page.click("#cancel")
        page.wait("!document.getElementById('start').hidden")
        client.estimator.gate.set()
        for _ in range(200):
            if not client.files():
                break
            time.sleep(0.02)
        assert client.files() == [] and page.js("document.activeElement.id") == "choose"
    page.driver.get_log("browser")


def test_a_video_on_its_way_is_cancelled(page, real, tmp_path):
    (tmp_path / "long.mp4").write_bytes(bytes(900000))
    page.open(real.origin)
    page.cdp("Network.enable")
    before = real.files()
    slow = dict(offline=False, latency=0, downloadThroughput=-1, uploadThroughput=100000)
    page.cdp("Network.emulateNetworkConditions", **slow)
    give(page, "file", tmp_path / "long.mp4")
    page.wait("document.getElementById('status').textContent.startsWith('sending, ')")
    page.click("#cancel")
    page.wait("!document.getElementById('start').hidden && document.getElementById('error').hidden")
    page.cdp("Network.emulateNetworkConditions", **dict(slow, uploadThroughput=-1))
    for _ in range(200):
        if real.files() == before:
            break
        time.sleep(0.02)
    assert real.files() == before


def test_several_people(page, tmp_path, grey):  # noqa: F811
    class Two(Light):
        def run(self, frames, earlier=()):
            for one, (row,) in super().run(frames):
                yield one, [row, row._replace(person=2, intensity=5 - row.intensity)] if one.number != 7 else [
                    curve.no_face(one.number, one.time, 0)]
    with serving(tmp_path / "server", Two()) as client:
        page.open(client.origin)
        page.js("""(bytes => { const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([Uint8Array.from(atob(bytes), c => c.charCodeAt(0))], "two.mp4"));
            document.body.dispatchEvent(new DragEvent("drop", {dataTransfer, bubbles: true, cancelable: true}));
            })(arguments[0])""", base64.b64encode(grey).decode())
        page.wait("document.getElementById('plot').dataset.frames === '20'")
        keys(page, *["\ue014"] * 4)
        one = float(text(page, "read-intensity"))
        page.choose("#person", "2")
        assert float(text(page, "read-intensity")) == pytest.approx(5 - one, abs=0.011)
        assert "person 2" in text(page, "legend")
        keys(page, *["\ue014"] * 3)
        assert text(page, "read-face") == "none" and text(page, "read-intensity") == "–"


def test_the_sample(page, real):
    page.open(real.origin)
    page.click("#take-sample")
    page.wait("document.getElementById('agreement').textContent.includes('over %d frames')" % FRAMES)


def test_the_camera(page, real):
    page.open(real.origin)
    page.click("#mode-camera")
    assert "Nothing is recorded" in page.js("document.getElementById('camera').innerText")
    page.click("#camera-start")
    page.wait("Number(document.getElementById('plot').dataset.frames) > 5")
    assert text(page, "read-face") == "none"  # Chromium's test picture has none
    page.click("#camera-stop")
    count = page.js("document.getElementById('plot').dataset.frames")
    assert page.js("document.getElementById('picture').srcObject") is None
    time.sleep(0.3)
    assert page.js("document.getElementById('plot').dataset.frames") == count
    page.click("#camera-start")
    page.wait("Number(document.getElementById('plot').dataset.frames) < %d" % (int(count) + 1))
    page.click("#mode-video")
    page.wait("document.getElementById('picture').srcObject === null && !document.getElementById('start').hidden")


ATTACK = """<!DOCTYPE html><title>elsewhere</title><body><script>
const target = "TARGET", said = [];
const tries = [
  fetch(target + "/api").then(answer => answer.text()), fetch(target + "/api/jobs?name=x", {method: "PUT", body: "x"}),
  fetch(target + "/api/sample", {method: "POST", mode: "no-cors"}).then(() => Promise.reject("cannot be read")),
  new Promise((good, bad) => { const it = new WebSocket(target.replace("http", "ws") + "/api/live");
                               it.onopen = good; it.onerror = () => bad("refused"); }),
  new Promise((good, bad) => Object.assign(document.createElement("video"),
                                           {onloadeddata: good, onerror: () => bad("refused"), src: target + "VIDEO"})),
  new Promise((good, bad) => document.body.append(Object.assign(document.createElement("script"),
      {onload: good, onerror: () => bad("refused"), src: target + "/app.js"})))];
const frame = Object.assign(document.createElement("iframe"), {src: target + "/"});
document.body.append(frame);
Promise.allSettled(tries).then(all => { window.said = all.map(one => one.status); });
document.documentElement.dataset.drawn = "yes";
</script>"""


def test_a_page_of_another_origin_gets_nothing(chromium, real, job):
    open_job(chromium, real, job)
    html = ATTACK.replace("TARGET", real.origin).replace("VIDEO", "/api/jobs/%s/video" % job).encode()

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html)

        def log_message(self, *_):
            pass

    before = real.files()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        chromium.open("http://localhost:%d/" % server.server_port)
        assert chromium.wait("window.said") == ["rejected"] * 6
        assert chromium.js("frames[0].length") == 0 and chromium.js(
            "(() => { try { return frames[0].document.body.innerText } catch { return 'closed' } })()") == "closed"
        server.shutdown()
    assert real.files() == before  # no sample was begun
    chromium.driver.get_log("browser")


@pytest.mark.parametrize("width, dark", [(360, False), (360, True), (768, False), (1600, True)])
def test_fits_any_width(page, real, job, width, dark):
    open_job(page, real, job, width=width, dark=dark)
    keys(page, "[", "\ue010", "]")
    for camera in False, True:
        if camera:
            page.click("#mode-camera"), page.click("#camera-start")
            page.wait("Number(document.getElementById('read-frame').textContent) % 39 > 0")  # no longer the video's
        assert page.js("document.documentElement.scrollWidth") <= width
        for name in "stage", "plot", "reading", "notice":
            left, right = page.js("(box => [box.left, box.right])(document.getElementById(arguments[0])"
                                  ".getBoundingClientRect())", name)
            assert 0 <= left < right <= width
    page.js("scrollTo(0, 9999)")
    assert page.js("document.getElementById('notice').getBoundingClientRect().top") == 0  # always there
    page.click("#camera-stop")


def test_by_keyboard_alone_and_with_names(opened):
    from selenium.webdriver import ActionChains, Keys
    keys(opened, "[", Keys.END, "]")
    opened.js("document.activeElement.blur()")
    reached = []
    for _ in range(60):
        ActionChains(opened.driver).send_keys(Keys.TAB).perform()
        name, ring = opened.js("[document.activeElement.id || document.activeElement.textContent, "
                               "document.activeElement === document.body || "
                               "getComputedStyle(document.activeElement).outlineStyle !== 'none']")
        reached.append(name)
        assert ring or name == "video", name  # it draws its own
    assert {"mode-video", "mode-camera", "cancel", "another", "video", "threshold", "plot", "zoom-in", "zoom-out",
            "zoom-all", "onset", "offset", "load-labels", "save-csv", "save-png", "save-episodes",
            "Delete"} <= set(reached)
    nodes = opened.cdp("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "slider", "link", "textbox", "combobox", "progressbar", "checkbox"}
    named = [(node["role"]["value"], node.get("name", {}).get("value")) for node in nodes
             if not node["ignored"] and node["role"]["value"] in roles]
    assert len(named) > 15 and all(name for _, name in named), named
    assert ("slider", "Pain curve, position in the video") in named


# Contrast, as WCAG 2 has it.

def luminance(color):
    channels = np.array([int(color[i:i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_contrast(dark):
    light, night = [dict(re.findall(r"--([\w-]+): (#\w{6});", block)) for block in re.findall(
        r":root \{(.*?)\}", (server_module.PAGE / "style.css").read_text(), re.S)]
    color = night if dark else light
    assert color.keys() == (light.keys() & night.keys()) and len(color) > 20
    for ink, paper in [("ink", "paper"), ("ink", "shade"), ("ink", "note"), ("soft", "paper"), ("soft", "shade"),
                       ("link", "paper"), ("link", "note"), ("alarm", "alarm-shade"), ("paper", "link"),
                       ("paper", "ink")]:
        assert contrast(color[ink], color[paper]) >= 4.5, (ink, paper)
    for mark in "edge", "truth", "doubt", "interpolated", *("c%d" % i for i in range(7)):
        assert contrast(color[mark], color["paper"]) >= 3, mark


def test_many_frames_are_drawn_by_the_column(page, real):
    """An hour at 25 frames a second: a few strokes a pixel, and the highest and the lowest frame among them."""
    page.open(real.origin)
    page.driver.set_script_timeout(60)
    strokes, top, bottom, memory = page.driver.execute_async_script("""
        const done = arguments[arguments.length - 1];
        Promise.all([import("/curve.js"), import("/plot.js")]).then(([{Curve}, {draw, geometry}]) => {
          const curve = new Curve();
          for (let f = 0; f < 90000; f++) {
            const value = f === 44444 ? 5 : f === 55555 ? 0 : 2 + Math.sin(f / 9);
            curve.add({frame: f, time_s: f / 25, person: 1, face: "found", box: null, landmarks: null, doubt: null,
                       intensity: value, spread: null, low: null, high: null, smoothed: null});
          }
          const ys = [];
          const context = new Proxy({}, {set: () => true,
                                         get: (_, name) => name === "lineTo" ? (x, y) => ys.push(y) : () => {}});
          const g = geometry(1000, 260, 0, curve.end);
          draw(context, g, curve, {person: 1, style: () => "", color: () => "", threshold: null, placed: null});
          const curveYs = ys.slice(6);
          done([curveYs.length, g.y(5) === Math.min(...curveYs), g.y(0) === Math.max(...curveYs), curve.room]);
        });""")
    assert 1000 < strokes < 5000 and top and bottom and memory < 200000
