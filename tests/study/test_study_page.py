"""study.html: what it says and draws, groups' intervals, stills, and the table sorted in a real browser."""
import re
import sys
from unittest import mock

import numpy as np
import pytest

import study
from pain.command import run
from pain.errors import Problem
from pain.evaluation.uncertainty import make_draws
from pain.provenance import SYNTHETIC, Data, Origin, as_dict
from pain.study.groups import groups_of
from pain.study.people import people_of
from pain.study.sketch import sketch_of
from pain.study.stills import stills_of
from pain.video.curve import no_face, write_curve
from pain.video.curve_folder import about_curve
from pain.video.source import open_video
from support.browser import Browser, needs_browser
from support.curves import curve, row
from support.videos import write

pytest.importorskip("jinja2")

NASTY = "sub-01_task-<b>&\"'$ \u00e9"
ORIGIN = Origin(Data(SYNTHETIC, 2, 60, (10,) * 6, ("01-a",)), "mse", 400)
FRAMES = 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Curves of five people, of one of whom there is a video, and what came out, with stills."""
    folder = tmp_path_factory.mktemp("study")
    write(folder / "visit.mkv", [np.full((64, 96, 3), 10 * i, np.uint8) for i in range(FRAMES)], "ffv1", "bgr0")
    with open_video(folder / "visit.mkv") as video:
        about = dict(about_curve(video, [], 0.2, 10, False), origin=as_dict(ORIGIN))
    for i, name in enumerate([NASTY, *("sub-0%d_task-arm" % k for k in range(2, 6))]):
        rows = curve(np.arange(FRAMES) / 25, np.full(FRAMES, 0.5 * i + 0.25))
        if i < 2:
            rows[5:17] = [no_face(k, k / 25, 1) for k in range(5, 17)]
        (folder / "curves" / name).mkdir(parents=True)
        write_curve(folder / "curves" / name / "curve.csv", about if i == 0 else dict(
            source=name + ".mp4", models={}, size=7, origin=as_dict(ORIGIN)), rows)
        (folder / "curves" / name / "curve.json").write_text("{}")
    write_curve(folder / "curves/sub-05_task-arm/curve.csv", dict(source="cut.mp4", origin=as_dict(ORIGIN)),
                curve(np.arange(FRAMES) / 25, np.full(FRAMES, 4.)), more=dict(damage="cut.mp4: it ends after 1 s"))
    (folder / "bad").mkdir()
    (folder / "people.csv").write_text("id,group,age\n" + "".join(
        "0%d,%s,%s\n" % (k, "ab"[k % 2], 20 + k if k != 4 else "") for k in range(1, 6)))
    with mock.patch.object(sys, "argv", ["study.py", str(folder / "curves"), "--participants",
                                         str(folder / "people.csv"), "--stills", "--out", str(folder / "out")]):
        run(study.main)
    return folder


@pytest.fixture(scope="module")
def page(folder):
    return (folder / "out/study.html").read_text(encoding="utf-8")


def test_the_page_says_what_it_is_of_and_loads_nothing(page):
    assert "Study: 5 curves" in page and "learned from synthetic faces" in page
    assert "Synthetic net: means nothing for real faces." in page
    assert NASTY not in page and "&lt;b&gt;&amp;" in page
    assert not re.search("https?://|src=\"(?!data:)", page)
    assert page.count('id="curve-') == 5 and page.count("<polyline") == 7  # two of them in two parts


def test_what_to_look_at_again_and_why(page):
    looks = re.findall(r'<article id="look-(\d)">(.*?)</article>', page, re.DOTALL)
    assert [place for place, _ in looks] == ["1", "5", "2"]  # most reasons first
    assert all("a face in less than half of the frames" in text for _, text in looks[::2])
    assert looks[0][1].count("<img") == 1 and "0.40 s: no face" in looks[0][1]  # the middle of 5..16
    assert "No stills: sub-02_task-arm.mp4: no such file" in looks[2][1]
    assert "its video is damaged" in looks[1][1] and "There are pictures of people" in page


def test_stills_are_the_frames_that_are_meant(folder):
    import base64
    import io

    from PIL import Image
    people = people_of(NASTY, folder / "curves" / NASTY)
    still, = stills_of(people)
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(still.address.split(",")[1]))))
    assert picture.shape == (64, 96, 3) and abs(picture.mean() - 10 * 10) < 2 and still.why == "no face"
    other = [people[0]._replace(about=dict(people[0].about, size=1))]
    with pytest.raises(Problem, match="another video than the one"):
        stills_of(other)
    with pytest.raises(Problem, match="can be read again"):
        stills_of([people[0]._replace(about=dict(source="rtsp://nowhere"))])


def test_without_stills_there_is_no_picture(folder):
    with mock.patch.object(sys, "argv", ["study.py", str(folder / "curves"), "--out", str(folder / "plain")]):
        run(study.main)
    page = (folder / "plain/study.html").read_text(encoding="utf-8")
    assert "<img" not in page and "pictures of people" not in page and 'id="groups"' not in page


def test_suspects():
    rows = curve(np.arange(30) / 10, np.full(30, 1.))
    rows[3:6] = [no_face(i, i / 10, 1) for i in range(3, 6)]
    rows[10:15] = [no_face(i, i / 10, 1) for i in range(10, 15)]
    rows[20:23] = [row(i, i / 10, np.nan, doubt="blur") for i in range(20, 23)]
    rows[25:] = [one._replace(box=one.box + [500, 0, 0, 0]) for one in rows[25:]]
    sketch = sketch_of(rows, 1)
    assert [(one.frame, one.why) for one in sketch.suspects] == [
        (12, "no face"), (21, "doubted: blur"), (25, "suddenly in another place")]
    assert [line[0][0] for line in sketch.lines] == [0, 0.6, 1.5, 2.3] and sketch.seconds == pytest.approx(2.9)
    assert sketch_of([no_face(i, i, 0) for i in range(3)], 0).lines == []


def test_groups_by_hand():
    """Three participants of a, one with two videos; one of b; one without a figure; nobody; no group."""
    columns = dict(curve=list("stuvwxyz"), person=[1, 1, 1, 1, 1, 1, 0, 1], sub=list("11234567"),
                   arm=["a", "a", "a", "a", "b", "a", "a", None],
                   mean=[1., 3., 4., 0., 2.5, None, None, 9.], peak=[2., 4., 5., 1., 3., None, None, 9.])
    a, b = groups_of(columns, "arm", ["mean", "peak"], draws=2000)
    assert (a.name, a.videos, a.participants) == ("a", 5, ["1", "2", "3", "5"]) and b.participants == ["4"]
    assert a.estimates[0].figure == pytest.approx((2 + 4 + 0) / 3) and a.estimates[1].figure == pytest.approx(9 / 3)
    drawn, values = make_draws(4, 2000, 1).weights, np.array([2., 4., 0.])
    means = [(w[:3] * values).sum() / w[:3].sum() for w in drawn if w[:3].sum()]
    assert list(a.estimates[0][1:]) == pytest.approx(np.percentile(means, [2.5, 97.5]))
    assert b.estimates[0].figure == 2.5 and np.isnan(b.estimates[0].low)
    with pytest.raises(Problem, match="--group leg: no such column"):
        groups_of(columns, "leg", ["mean"])


def test_the_groups_are_on_the_page(page):
    section = page[page.index('<section id="groups">'):page.index('<section id="reading">')]
    assert section.count("<circle") == 3 * 5 and section.count('class="interval"') == 6
    cells = re.findall(r"<td[^>]*>(.*?)</td>", section)
    assert cells[:3] == ["a", "2", "2"] and cells[6:9] == ["b", "3", "3"]
    assert cells[3].startswith("1.25 ") and "by the column sub" in section  # of 0.75 and 1.75


@needs_browser
def test_the_table_is_sorted_from_the_keyboard(folder, tmp_path):
    from selenium.webdriver.common.keys import Keys
    with Browser(tmp_path) as browser:
        browser.open((folder / "out/study.html").as_uri(), width=390)
        titles = browser.js("Array.from(document.querySelectorAll('#study thead th'), th => th.textContent.trim())")

        def column(title):
            return browser.js("Array.from(document.querySelectorAll('#study tbody tr'), row => row.cells["
                              "arguments[0]].textContent.trim())", titles.index(title))

        def press(title):
            button = browser.driver.find_elements("css selector", "#study thead button")[titles.index(title)]
            browser.js("arguments[0].focus()", button)
            button.send_keys(Keys.ENTER)
            return browser.js("document.querySelectorAll('#study thead th')[arguments[0]].getAttribute('aria-sort')",
                              titles.index(title))

        assert press("mean") == "ascending" and column("mean") == ["0.25", "0.75", "1.25", "1.75", "4.00"]
        assert press("mean") == "descending" and column("mean")[0] == "4.00"
        assert browser.js("document.getElementById('sorted').textContent") == "Sorted by mean, highest first"
        assert press("age") == "ascending" and column("age") == ["21", "22", "23", "25", ""]
        assert press("age") == "descending" and column("age") == ["25", "23", "22", "21", ""]  # unknown stays last
        assert browser.js("document.documentElement.scrollWidth") <= 390
        assert browser.said() == []
