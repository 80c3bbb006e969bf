"""A video's curve in a real browser: the two in step, labels beside it, episodes marked on it, and what is saved."""
import base64
import csv
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from pain.labels.reading import read_labels
from pain.video.curve import FOUND, no_face
from pain.video.labels import compare
from pain.video.summary import summary
from support.browser import needs_browser
from support.page_in_browser import FRAMES, read_rows
from support.pages import LEVELS, Light, serving
from support.videos import write, write_with_sound

pytestmark = needs_browser


def test_from_a_file_to_a_curve_in_step(page, real, sample, tmp_path):
    from selenium.webdriver import Keys
    job = page.open_done(real, sample)
    rows = read_rows(real, job, tmp_path)
    assert len(rows) == FRAMES and {row.face for row in rows} == {FOUND}
    page.wait("document.getElementById('video').readyState >= 2")

    def in_step(at):
        """The reading is the frame's row, and the player shows that frame."""
        row = rows[at]
        assert page.frame() == at and page.text("read-frame") == str(at)
        assert page.text("read-intensity") == ("–" if np.isnan(row.intensity) else "%.2f" % row.intensity)
        assert page.text("read-face") == "found" and page.text("read-doubt") == (row.doubt or "–")
        page.wait("!document.getElementById('video').seeking")
        assert at / 25 < page.js("document.getElementById('video').currentTime") < (at + 1) / 25
        assert page.text("read-frame") == str(at)  # whatever the player has said since

    assert 0 < np.nanmean([row.spread for row in rows])
    page.keys(Keys.END), in_step(39)
    page.keys(Keys.HOME), in_step(0)
    page.keys(*[Keys.ARROW_RIGHT] * 7), in_step(7)
    page.keys(Keys.ARROW_LEFT), in_step(6)
    page.keys(Keys.ARROW_UP), in_step(31)
    page.keys(Keys.ARROW_DOWN), in_step(6)
    page.keys(Keys.PAGE_DOWN), in_step(0)
    page.drag(0.5, 0.5)
    assert 16 <= page.frame() <= 22
    in_step(page.frame())
    page.drag(0.3, 0.8)
    assert 30 <= page.frame() <= 32
    in_step(page.frame())
    shown = page.js("document.getElementById('tip').textContent").split("\n")
    assert "frame %d" % page.frame() in shown and "face found" in shown
    said = page.wait("document.getElementById('said').textContent.includes('intensity') && "
                     "document.getElementById('said').textContent")
    assert said == ", ".join(shown)
    value = page.js("document.getElementById('plot').getAttribute('aria-valuetext')")
    assert "frame %d" % page.frame() in value and "face found" in value
    assert page.js("document.getElementById('read-turned-box').hidden") and "turned" not in value
    told = page.driver.execute_async_script("""
        const done = arguments[arguments.length - 1];
        Promise.all([import("/state.js"), import("/reading.js")]).then(([{page}, {show, inWords}]) => {
          page.curve.add({frame: 5, media_time_s: 0.2, person: 0, turned: 180});
          show(0.2);
          done([document.getElementById("read-turned-box").innerText, inWords(5)]);
        });""")
    assert "180°, righted" in told[0] and "turned by 180 degrees" in told[1]


def test_it_plays_in_step(opened):
    opened.keys(" ")
    opened.wait("document.getElementById('video').ended")
    assert opened.wait("document.getElementById('read-frame').textContent === '39'")
    assert opened.js("document.getElementById('video').getAttribute('src')").startswith("/api/jobs/")


@pytest.mark.parametrize("name, codecs, start, sound", [
    ("late.mp4", ("libx264", "aac"), 3, 0), ("late.webm", ("libvpx-vp9", "libopus"), 3, 0),
    ("both.webm", ("libvpx-vp9", "libopus"), 5, 4.5), ("usual.mp4", ("libx264", "aac"), 0, 0)])
def test_a_picture_that_begins_after_its_sound(page, served, tmp_path, name, codecs, start, sound):
    """The frame that the player shows is the one that is read out: both say how light it is."""
    from selenium.webdriver import Keys
    write_with_sound(tmp_path / name, [np.full((48, 64, 3), level, np.uint8) for level in LEVELS], start, sound,
                     codecs=codecs)
    job = page.open_done(served, tmp_path / name, len(LEVELS))
    rows = read_rows(served, job, tmp_path)
    assert rows[0].media_time_s == pytest.approx(start, abs=0.03) and rows[0].time_s == 0
    page.wait("document.getElementById('video').readyState >= 2")
    page.keys(Keys.HOME, *[Keys.ARROW_RIGHT] * 7)
    page.wait("!document.getElementById('video').seeking")
    shown = page.wait("""(() => { const video = document.getElementById('video');
        const canvas = document.createElement('canvas');
        canvas.width = canvas.height = 1;
        canvas.getContext('2d').drawImage(video, 0, 0, 1, 1);
        return canvas.getContext('2d').getImageData(0, 0, 1, 1).data[0]; })()""")
    assert shown / 51 == pytest.approx(rows[7].intensity, abs=0.06)  # frames are 0.2 apart
    assert start + 0.28 - 0.03 < page.js("document.getElementById('video').currentTime") < start + 0.32 + 0.03
    assert page.text("read-frame") == "7" and page.text("read-time") == clock_of(rows[7].media_time_s)
    (tmp_path / "truth.csv").write_text("time_s,label\n" + "".join(
        "%.3f,%d\n" % (row.media_time_s + 0.004, round(row.intensity)) for row in rows))
    page.give("labels", tmp_path / "truth.csv")
    page.wait("document.getElementById('agreement').textContent.includes('over 20 frames')")
    page.keys("[", *[Keys.ARROW_RIGHT] * 5, "]")
    page.click("#save-episodes")
    episode, = csv.DictReader(io.StringIO(page.saved(name.split(".")[0] + ".episodes.csv").decode()))
    assert float(episode["onset_s"]) == pytest.approx(rows[7].media_time_s, abs=0.01)


def clock_of(seconds):
    return "%d:%05.2f" % divmod(seconds, 60)


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


def test_labels_beside_it(opened, real, job, sample, tmp_path):
    rows = read_rows(real, job, tmp_path)
    given = [line.split(",") for line in sample.with_suffix(".csv").read_text().split()[1:]]
    some = given[5:30]
    by_time = "time_s,label,more\n" + "".join("%.3f,%s,x\n" % (int(at) / 25 + 0.015, label) for at, label in some)
    two_raters = "rater,onset_ms,offset_ms,label\n" + "".join("%s,%d,%d,%s\n" % (
        rater, 40 * int(at), 40 * int(at) + 40, label) for rater, of in (("a", some[:17]), ("b", some[17:4:-1]))
        for (at, _), (_, label) in zip(sorted(of, key=lambda pair: int(pair[0])), of))
    for content in sample.with_suffix(".csv").read_text(), by_time, two_raters, "label;frame\r\n" + "".join(
            "%s;%s\r\n" % (label, at) for at, label in some):
        (tmp_path / "truth.csv").write_text(content)
        (tmp_path / "commas.csv").write_text(content.replace(";", ","))
        opened.js("document.getElementById('agreement').textContent = ''")
        opened.give("labels", tmp_path / "truth.csv")
        expected = compare(rows, read_labels(tmp_path / "commas.csv"))
        said = opened.wait("document.getElementById('agreement').textContent.includes('%d frames') && "
                         "document.getElementById('agreement').textContent" % expected["frames"])
        figures = [float(value) for value in re.search(r"MAE (\S+), PCC (\S+)\.", said).groups()]
        assert figures == pytest.approx([expected["mae"], expected["pcc"]], abs=0.0011)  # of rows with four decimals
    german = "sep=;\r\nTime (s);LABEL\r\n" + "".join(
        "%s;%s\r\n" % (("%.3f" % (int(at) / 25)).replace(".", ","), label) for at, label in given[:20])
    (tmp_path / "german.csv").write_bytes(german.encode("utf-16"))
    opened.give("labels", tmp_path / "german.csv")
    opened.wait("document.getElementById('agreement').textContent.includes('20 frames')")
    (tmp_path / "from_one.csv").write_text("frame,label\n0,1\n1,5\n")
    opened.give("labels", tmp_path / "from_one.csv")
    opened.wait("document.querySelector('#error p').textContent.startsWith('from_one.csv: no label is 0; if they are')")
    opened.give("labels", sample.with_suffix(".csv"))
    opened.wait("document.getElementById('agreement').textContent.includes('%d frames')" % len(given))
    opened.keys(*["\ue014"] * 9)
    assert opened.text("read-label") == given[9][1] + ".0"
    wrong = [("frame,label\n3,7\n", "line 2: the label is not a number 0..5"),
             ("frame,label\n3,1\n3,2\n", "lines 2, 3: the frame is there more than once"),
             ("frame,label\n1.5,1\n", "line 2: the frame is none"),
             ("a,b\n1,2\n", "no column label in its header; it has: a, b"), ("", "no column label"),
             ("time_s;label\n0,5;3\n1.5;4\n", "line 3: 1.5, but 0,5 on line 2"),
             ("frame,label\n", "no rows")]
    for i, (content, said) in enumerate(wrong):
        path = tmp_path / ("wrong%d.csv" % i)  # a name each, so that what was said of the one before does not count
        path.write_text(content)
        opened.give("labels", path)
        opened.wait("document.querySelector('#error p').textContent.startsWith(%s)" % json.dumps(
            "%s: %s" % (path.name, said)))
    assert opened.text("read-label") == given[9][1] + ".0"  # the good ones stay
    noted = opened.said()
    assert all("400" in message for message in noted), noted  # a browser's own note of the answer


def test_episodes_are_marked_named_and_saved(opened, real, job, tmp_path):
    from selenium.webdriver import Keys
    rows = read_rows(real, job, tmp_path)
    opened.keys("]")
    assert "Set the onset first" in opened.text("error")
    opened.keys(*[Keys.ARROW_RIGHT] * 5, "[", *[Keys.ARROW_RIGHT] * 8, "]")
    opened.drag(0.5, 0.9, shift=True)
    assert opened.js("document.querySelectorAll('#episode-rows tr').length") == 2
    assert opened.frame() == 13 and opened.js("document.getElementById('error').hidden")  # marking moves nothing
    name = opened.driver.find_element("css selector", "#episode-rows input")
    name.send_keys(Keys.CONTROL, "a", Keys.NULL, 'a "sharp", <b>one</b>', Keys.ENTER)
    opened.wait("document.querySelector('#episode-rows button').getAttribute('aria-label').includes('sharp')")
    assert opened.js("document.activeElement.value.includes('sharp')")  # the focus stays
    opened.click("#save-episodes")
    first, second = csv.DictReader(io.StringIO(opened.saved("drawn.episodes.csv").decode()))
    assert (first["name"], first["onset_frame"], first["offset_frame"]) == ('a "sharp", <b>one</b>', "5", "13")
    for episode in first, second:
        onset, apex, offset = (int(episode[key + "_frame"]) for key in ("onset", "apex", "offset"))
        values = [row.intensity for row in rows[onset:offset + 1]]
        assert apex == onset + int(np.nanargmax(values))
        assert float(episode["peak"]) == pytest.approx(max(values), abs=1e-4)
        assert float(episode["apex_s"]) == pytest.approx(apex / 25)
    assert 16 <= int(second["onset_frame"]) <= 22 and 32 <= int(second["offset_frame"]) <= 37
    opened.js("document.querySelectorAll('#episode-rows button')[4].click()")
    assert opened.frame() == int(second["onset_frame"])
    opened.open(real.origin + "/#" + job)  # they and the curve are there again
    opened.wait("document.getElementById('plot').dataset.frames === '%d'" % FRAMES)
    assert opened.js("document.querySelector('#episode-rows input').value") == 'a "sharp", <b>one</b>'
    for left in 1, 0:
        opened.click("#episode-rows td:last-child button")
        assert opened.js("document.querySelectorAll('#episode-rows tr').length") == left


def test_downloads(opened, real, job):
    opened.click("#save-csv")
    assert opened.saved("drawn.curve.csv") == real.ask("GET", "/api/jobs/%s/curve.csv" % job)[2]
    opened.click("#save-png")
    picture = np.asarray(Image.open(io.BytesIO(opened.saved("drawn.curve.png"))).convert("RGB")).astype(int)
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
    assert "%.0f %%" % (100 * above / len(with_one)) in opened.text("above")
    opened.keys("\ue010", "+")  # End
    opened.drag(0.06, 0.06)
    assert opened.frame() >= 15  # the left edge is no longer the beginning
    opened.keys("0")
    opened.drag(0.06, 0.06)
    assert opened.frame() <= 2


def test_a_pause_breaks_the_line_and_does_not_count(page, served, tmp_path):
    times = [*range(0, 400, 40), *range(9000, 9400, 40)]
    write(tmp_path / "pause.mp4", [np.full((48, 64, 3), level, np.uint8) for level in LEVELS], times=times)
    rows = read_rows(served, page.open_done(served, tmp_path / "pause.mp4", len(LEVELS)), tmp_path)
    made = summary({}, rows, [1])["people"][0]["thresholds"][0]
    assert made["seconds"] < 2 and len(made["episodes"]) == 2
    page.js("(box => { box.value = 1; box.dispatchEvent(new Event('input')); })(document.getElementById('threshold'))")
    page.wait("document.getElementById('above').textContent.startsWith('%.1f s')" % made["seconds"])
    page.wait("document.getElementById('video').readyState >= 2")
    page.keys("\ue011", *["\ue014"] * 9)  # Home, and to the last frame before the pause
    assert page.frame() == 9
    page.wait("!document.getElementById('video').seeking")
    assert page.js("document.getElementById('video').currentTime") < 1.4  # not in the middle of the pause
    assert page.frame() == 9
    drawn = page.js("""(() => { const canvas = document.getElementById('curve'), g = canvas.getContext('2d');
        const {width, height} = canvas, {data} = g.getImageData(0, 0, width, height), columns = [];
        for (let i = 0; i < data.length; i += 4)  // the curve's blue
          if (data[i + 3] > 200 && data[i + 2] > data[i] + 100) columns.push((i / 4) % width / width);
        return columns; })()""")
    assert drawn and not [share for share in drawn if 0.2 < share < 0.85]


def test_several_people(page, tmp_path, grey):
    class Two(Light):
        def run(self, frames, earlier=()):
            for one, (row,) in super().run(frames):
                yield one, [row, row._replace(person=2, intensity=5 - row.intensity)] if one.number != 7 else [
                    no_face(one.number, one.time, 0)]
    with serving(tmp_path / "server", Two()) as client:
        page.open(client.origin)
        page.js("""(bytes => { const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([Uint8Array.from(atob(bytes), c => c.charCodeAt(0))], "two.mp4"));
            document.body.dispatchEvent(new DragEvent("drop", {dataTransfer, bubbles: true, cancelable: true}));
            })(arguments[0])""", base64.b64encode(grey).decode())
        page.wait("document.getElementById('plot').dataset.frames === '20'")
        page.keys(*["\ue014"] * 4)
        one = float(page.text("read-intensity"))
        page.choose("#person", "2")
        assert float(page.text("read-intensity")) == pytest.approx(5 - one, abs=0.011)
        assert "person 2" in page.text("legend")
        page.keys(*["\ue014"] * 3)
        assert page.text("read-face") == "none" and page.text("read-intensity") == "–"


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
            curve.add({frame: f, media_time_s: f / 25, person: 1, face: "found", box: null, landmarks: null,
                       doubt: null, intensity: value, spread: null, low: null, high: null, smoothed: null});
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
