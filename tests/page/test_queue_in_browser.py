"""Many videos in a real browser: given at once, cancelled, marked, found again after a reload, and taken away."""
import io
import zipfile

import pytest

from pain.notice import LEADS, short_notice
from pain.page.options import USUAL
from pain.page.worker import Nets
from pain.provenance import SYNTHETIC, Data, Origin, as_dict
from support.browser import needs_browser
from support.pages import Light, serving, wait

pytestmark = needs_browser


@pytest.fixture
def videos(tmp_path, grey):
    """Paths of ten videos."""
    paths = [tmp_path / ("visit %d.mp4" % i) for i in range(10)]
    for path in paths:
        path.write_bytes(grey)
    return paths


def names(page):
    return page.js("[...document.querySelectorAll('#queue .show')].map(button => button.textContent)")


def counted(page, words):
    page.wait("document.getElementById('queue-count').textContent === '%s'" % words)


def show(page, name):
    page.js("document.getElementById('save-csv').removeAttribute('href')")
    page.click("#queue .show[aria-label='Show: %s']" % name)
    page.wait("document.getElementById('save-csv').href.startsWith('blob:')")  # the page has all of the curve
    assert page.text("name") == name and page.js("document.getElementById('plot').dataset.frames === '20'")


def test_ten_videos_from_the_queue_to_the_archive(page, served, videos, tmp_path):
    served.estimator.gate.clear()
    page.open(served.origin)
    page.give("file", "\n".join(map(str, videos)))
    counted(page, "10 videos: 1 running, 9 waiting")
    for name in "visit 3.mp4", "visit 7.mp4":
        page.click("#queue .cancel[aria-label='Cancel: %s']" % name)
        page.wait("![...document.querySelectorAll('#queue .show')].some(button => button.textContent === '%s')" % name)
    page.click("#queue .earlier[aria-label='Earlier: visit 9.mp4']")
    order = ["visit %d.mp4" % i for i in (0, 1, 2, 4, 5, 6, 9, 8)]
    wait(lambda: names(page) == order)
    served.estimator.steps.release(5)
    page.wait("document.querySelector('#queue li .soft').textContent.startsWith('5 of 20 frames')")
    assert page.js("document.querySelector('#queue li progress').value") == 0.25
    served.estimator.gate.set()
    counted(page, "8 videos: 8 done")

    show(page, "visit 2.mp4")
    (tmp_path / "rater.csv").write_text("frame,label\n" + "".join("%d,%d\n" % (i, i // 4) for i in range(20)))
    page.give("labels", tmp_path / "rater.csv")
    page.wait("document.getElementById('agreement').textContent.startsWith('Against the labels, over 20 frames')")
    agreement = page.text("agreement")
    page.keys("\ue011", ".", ".", "[", *["\ue014"] * 5, ",", "]")
    page.wait("document.querySelectorAll('#episode-rows tr').length === 1")
    show(page, "visit 4.mp4")  # another video
    assert page.js("document.getElementById('agreement').hidden && !document.getElementById('no-episodes').hidden")
    page.choose("#over", page.js("document.querySelector('#over').options[1].value"))
    page.wait("document.getElementById('agreement').textContent.startsWith('Against visit 0.mp4, over 20 frames')")

    page.leave()  # and in another tab
    page.open(served.origin)
    assert names(page) == order and "labels, 1 episode" in page.text("queue")
    show(page, "visit 2.mp4")
    page.wait("document.querySelectorAll('#episode-rows tr').length === 1")
    page.wait("document.getElementById('agreement').textContent === '%s'" % agreement)
    page.wait("document.getElementById('status').textContent === '20 frames'")
    page.click("#another")
    page.click("#save-all")
    archive = zipfile.ZipFile(io.BytesIO(page.saved("curves.zip")))
    check(archive, served, page, (tmp_path / "rater.csv").read_bytes())
    archive.extract("visit 2/curve.csv", str(tmp_path))

    show(page, "visit 2.mp4")
    page.give("over-file", tmp_path / "visit 2" / "curve.csv")
    page.wait("document.getElementById('agreement').textContent.endsWith("
              "'Against curve.csv, over 20 frames with both: MAE 0.000, PCC 1.000.')")
    assert "curve.csv (dashed; %s)" % short_notice(Origin()) in page.text("legend")
    page.choose("#filter", "median")
    page.click("#again")
    page.wait("document.getElementById('status-options').textContent === 'median filter of 0.5 s'")
    page.wait("document.getElementById('legend').textContent.includes('smoothed')")
    page.wait("document.getElementById('agreement').textContent === '%s'" % agreement)  # the labels came with it
    assert page.js("document.getElementById('no-episodes').hidden") is False


def test_the_same_video_by_two_models_over_one_another(page, tmp_path, grey):
    made = Data(SYNTHETIC)
    other = Nets(Light(), dict(models={}, origin=as_dict(Origin(made, "other"))))
    other.estimator.scale = 1 / 102  # half as much
    (tmp_path / "visit.mp4").write_bytes(grey)
    with serving(tmp_path / "server", usual=USUAL._replace(model="first"), others={"mse": other}) as client:
        page.open(client.origin)
        page.give("file", tmp_path / "visit.mp4")
        page.wait("document.getElementById('status').textContent === '20 frames'")
        assert page.text("made-by") == short_notice(Origin()) and page.text("status-options") == "nets first"
        page.js("document.getElementById('options').open = true")
        page.choose("#model", "mse")
        assert page.text("options-chosen") == "nets mse"
        page.click("#again")
        page.wait("document.getElementById('status-options').textContent === 'nets mse'")
        page.wait("document.getElementById('status').textContent === '20 frames'")
        assert page.text("made-by") == short_notice(Origin(made)) and LEADS[SYNTHETIC] in page.text("notice")
        page.wait("[...document.getElementById('over').options].some(one => one.text === 'visit.mp4 (nets first)')")
        page.choose("#over", page.js("document.getElementById('over').options[1].value"))
        page.wait("document.getElementById('agreement').textContent.startsWith("
                  "'Against visit.mp4 (nets first), over 20 frames with both: MAE ')")
        assert page.text("agreement").endswith("PCC 1.000.")
        assert "visit.mp4 (nets first) (dashed; %s)" % short_notice(Origin()) in page.text("legend")
        page.click("#mode-camera")
        assert page.text("made-by") == short_notice(Origin())
        page.click("#mode-video")
        assert page.text("made-by") == short_notice(Origin(made))


def check(archive, served, page, labels):
    """Assert that the archive has all that the session has."""
    folders = ["visit %d" % i for i in (0, 1, 2, 4, 5, 6, 9, 8)]
    expected = {"%s/%s" % (folder, name) for folder in folders for name in (
        "curve.csv", "curve.about.json", "curve.json", "curve.elan.txt", "curve.boris.csv", "curve.vtt")}
    assert archive.testzip() is None and set(archive.namelist()) - {"study.parquet", "study.html"} == {
        "study.csv", "study.about.json", "visit 2/episodes.csv", "visit 2/labels.csv"} | expected
    assert archive.read("visit 2/labels.csv") == labels
    header, row = archive.read("visit 2/episodes.csv").decode().splitlines()
    assert header.startswith("name,person,onset_frame") and row.split(",")[:3] == ["Episode 1", "1", "2"]
    assert row.split(",")[6] == "6"
    ids = page.js("fetch('/api/jobs').then(answer => answer.json()).then(({jobs}) => jobs.map(job => job.id))")
    for folder, key in zip(folders, ids):
        assert archive.read(folder + "/curve.csv") == served.ask("GET", "/api/jobs/%s/curve.csv" % key)[2]
    assert [line.split(",")[1] for line in archive.read("study.csv").decode().splitlines()[1:]] == folders
