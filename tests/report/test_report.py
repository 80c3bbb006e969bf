"""tools/report.py: what it writes, and the page in a real browser: no network, no errors, curves, links, print."""
import base64
import contextlib
import csv
import html
import io
import json
import sys
from unittest import mock

import numpy as np
import pytest

import report
from pain.evaluation.sweeps import COLUMNS
from pain.evaluation.trivial import TRIVIAL
from pain.files import write_csv
from pain.provenance import SYNTHETIC, Data, Origin, write_origin
from support.browser import Browser, needs_browser
from support.predictions import refuses, write
from support.project import assert_one_line_error, run_tool

try:
    import jinja2  # noqa: F401
    import plotly  # noqa: F401
    from matplotlib import image
except (ImportError, OSError) as error:
    pytest.skip("the report's libraries are not here: %s" % error, allow_module_level=True)

NASTY, OTHER = "<b>&\"'$</script>_1", "m<i>s|e & $co"  # a subject's and a result's name

VIDEOS = [(subject, video) for subject in ("a", NASTY, "c") for video in ("v" + subject[0], "w" + subject[0])]


def rows(noise, seed):
    """Three subjects, two videos each, 60 frames; the last subject shows no pain, and a label is no integer."""
    random = np.random.RandomState(seed)
    made = []
    for k, (subject, video) in enumerate(VIDEOS):
        labels = np.zeros(60) if subject == "c" else np.clip(12. - np.abs(np.arange(60) - 25 - 3 * k), 0, 5)
        labels[0] += 1.5 * (k == 0)
        predictions = np.clip(np.roll(labels, 2) + noise * random.normal(size=60), 0, 5)
        made += [(subject, video, "f%03d" % i, t, "%.4f" % p) for i, (t, p) in enumerate(zip(labels, predictions), 1)]
    return made


SETTINGS = "base_lr: 0.01", 'lr_policy: "<i>&$"'


def write_swept(path, settings=SETTINGS):
    """A sweep of two settings, two seeds and three subjects; MAE is a tenth of their numbers' sum, wMSE undefined."""
    lines = [("mse", "scratch", setting, "", seed, subject, (i + seed + s) / 10, 2, 0.5 - i, 3, "")
             for i, setting in enumerate(settings) for seed in (1, 2) for s, subject in enumerate("abc")]
    lines += [("all zeros", "", "", "", "", subject, 1, 1, "", 1, "") for subject in "abc"]
    write_csv(path, COLUMNS, lines)
    write_origin(path, Origin(Data(SYNTHETIC)))
    return path


def run_report(*arguments):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        with mock.patch.object(sys, "argv", ["report.py", *map(str, arguments)]):
            report.main()
    return out.getvalue()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The report of two results, in a folder."""
    folder = tmp_path_factory.mktemp("report")
    for name, noise in ("smooth_l1", 0.5), (OTHER, 1.5):
        write(folder / name / "predictions.csv", rows(noise, seed=1))
    out = run_report(folder / "smooth_l1", folder / OTHER, "--out", folder / "out", "--draws", 300, "--sweep",
                     write_swept(folder / "rates_subjects.csv"))
    assert "report.html: open it in a browser" in out
    return folder / "out"


@pytest.fixture(scope="module")
def page(made):
    return (made / "report.html").read_text(encoding="utf-8")


def read_table(made, name):
    with open(str(made / "tables" / (name + ".csv")), newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# What is written.

def test_tables_hold_what_evaluate_says(made):
    done = run_tool("evaluate.py", made.parent / "smooth_l1", made.parent / OTHER, "--json", "-", "--draws", 300,
                    "--compare", "mae")
    measured = json.loads(done.stdout)
    table = read_table(made, "table_1")
    for row, line in zip(measured["rows"], table):
        assert line["result"] == row["name"] and float(line["mae"]) == row["mae"]
        assert [float(line["mae_low"]), float(line["mae_high"])] == row["interval"]["mae"]
    assert [line["result"] for line in table[:5]] == ["smooth l1", OTHER, *TRIVIAL, "l1 + l1 center loss"]
    assert (table[0]["mae_paper"], table[4]["mse_paper"], table[4]["mae"], table[1]["mae_paper"]) == (
        "0.416", "0.82", "", "")
    assert not {"OSVR-l1", "OSVR-l2", "RCR"} & {line["result"] for line in table}  # scored otherwise
    assert "no" in {line["comparable"] for line in read_table(made, "published") if "OSVR" in line["work"]}
    compared = [line for line in read_table(made, "comparisons") if line["metric"] == "MAE"]
    assert [float(line["corrected_p"]) for line in compared] == [
        pair["corrected"] for pair in measured["comparisons"]["mae"]]
    worst = [float(line["mae"]) for line in read_table(made, "videos") if line["result"] == OTHER]
    assert worst == sorted(worst, reverse=True) and len(worst) == 6
    assert {float(line["median"]) for line in read_table(made, "lags")} == {2}
    assert sum(int(line["predicted_0"]) for line in read_table(made, "confusion") if line["result"] == OTHER) > 60


def test_every_table_in_three_formats_and_every_figure_in_two(made):
    names = {"table_1", "table_2", "agreement", "pain", "comparisons", "subjects", "videos", "lags", "confusion",
             "by_intensity", "reliability", "published", "sweep_rates", "sweep_rates_differences"}
    files = {path.name for path in (made / "tables").iterdir()}
    assert files == {name + suffix for name in names for suffix in (".csv", ".tex", ".md")}
    figures = list((made / "figures").iterdir())
    assert {path.stem for path in figures} == {"intervals", "subjects", "calibration", "confusion", "curve",
                                                 "sweep_rates"}
    for path in figures:
        if path.suffix == ".png":
            picture = image.imread(str(path))
            assert 0.01 < (picture[..., :3].min(axis=-1) < 0.9).mean() < 0.9 and picture.shape[1] > 500
        else:
            assert path.read_bytes()[:5] == b"%PDF-" and path.stat().st_size > 5000


def test_a_sweep_is_summed_up_over_seeds_and_subjects(made, page):
    table, (pair, *others) = read_table(made, "sweep_rates"), read_table(made, "sweep_rates_differences")
    assert [row["row"] for row in table] == [*SETTINGS, "all zeros"] and len(others) == 2
    assert [float(row["mae"]) for row in table] == pytest.approx([0.25, 0.35, 1])  # 1.5 + 1 tenths; one more; as it is
    random = np.random.RandomState(0)
    drawn = (1 + random.randint(2, size=(20000, 2)).mean(axis=1) + random.randint(3, size=(20000, 3)).mean(axis=1)) / 10
    assert [float(table[0]["mae_low"]), float(table[0]["mae_high"])] == pytest.approx(
        np.percentile(drawn, [2.5, 97.5]), abs=0.02)
    assert [float(pair[key]) for key in ("mae", "mae_low", "mae_high", "pcc")] == pytest.approx([-0.1] * 3 + [1])
    assert {row["wmse"] for row in table} == {""} and table[2]["pcc"] == ""
    assert page.count("Means over 3 subjects and 2 seeds; 95 % intervals over both. Trained and tested on synth") == 2


@pytest.mark.parametrize("change, words", [
    (lambda text: text.replace("mse,scratch,base_lr: 0.01,,1,a,0.1,2,0.5,3,\n", ""), "not every seed has every"),
    (lambda text: text.replace(",0.1,2,", ",much,2,"), "not every seed has every"),
    (lambda text: text.replace(",,2,", ",,3,", 3), "not every row has the same seeds"),
    (lambda text: text.replace("scratch", ""), "not every row has the same seeds"),
    (lambda text: text.replace("0.01,,", "0.01,beauty,"), "chosen_by beauty: there are mae, mse"),
    (lambda text: text.replace("chosen_by", "by"), "no column chosen_by")])
def test_a_damaged_sweep_is_one_line(made, tmp_path, change, words):
    path = write_swept(tmp_path / "rates_subjects.csv")
    path.write_text(change(path.read_text()))
    assert words in refuses(made.parent / "smooth_l1", "--sweep", path, "--out", tmp_path / "out", main=report.main)
    assert "not a sweep's" in refuses(made.parent / "smooth_l1", "--sweep", tmp_path, main=report.main)
    assert not (tmp_path / "out").exists()


def test_sweeps_of_one_name(made, tmp_path):
    path = write_swept(tmp_path / "rates_subjects.csv")
    assert "two are called rates" in refuses(made.parent / "smooth_l1", "--sweep", path, "--sweep", path, "--draws", 2,
                                             "--out", tmp_path / "out", main=report.main)


def test_the_page_names_its_protocol_and_loads_nothing(page):
    assert ("Protocol subject (means over subjects), intensities 0..5, all frames, all subjects: 3 subjects, "
            "6 videos, 360 frames") in page
    own = page.replace(page[page.index("/**\n* plotly.js"):page.index("// The report's charts")], "")
    assert "http://" not in own.replace("http://www.w3.org/2000/svg", "")  # a name, and no address
    assert "https://" not in own and "src=" not in own
    assert NASTY not in page and OTHER not in page and "m&lt;i&gt;s|e &amp; $co" in page and len(page) < 8e6


@pytest.mark.parametrize("arguments, top", [
    (["--protocol", "video"], 5), (["--protocol", "pooled"], 5), (["--subjects", "pain"], 5), (["--raw"], 16)])
def test_other_protocols(tmp_path, monkeypatch, arguments, top):
    if top == 5:  # the figures are the same
        monkeypatch.setattr(report, "draw_figures", lambda evaluation, folder: [])
    path = write(tmp_path / "one.csv", rows(0.5, seed=2))
    run_report(*(["--pspi", path] if top == 16 else [path]), *arguments, "--draws", 20, "--out", tmp_path / "out")
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert ("PSPI 0..16" if top == 16 else arguments[1] if arguments[0] == "--protocol" else "only subjects") in text
    assert {line["threshold"] for line in read_table(tmp_path / "out", "pain")} == {
        ">= %d" % t for t in range(1, top + 1)}


def test_a_single_subject_and_no_video_names(tmp_path):
    """No intervals, no mean of others, and a .mat file without video_index.mat."""
    from support.predictions import write_mat
    path = write_mat(tmp_path / "x.mat", [np.arange(30) % 6], [np.arange(30) % 6 + 0.3])
    run_report(path, "--out", tmp_path / "out", "--draws", 9)
    assert read_table(tmp_path / "out", "table_1")[0]["mae_low"] == ""
    assert [line["result"] for line in read_table(tmp_path / "out", "agreement")] == ["x", "all zeros"]


def test_nets_that_are_known_are_named(tmp_path, monkeypatch, page):
    """Results of synthetic nets, of a net that nobody knows, and of which nothing says that nets made it."""
    monkeypatch.setattr(report, "draw_figures", lambda evaluation, folder: [])
    paths = [write(tmp_path / name / "predictions.csv", rows(0.5, seed)) for seed, name in enumerate("abc")]
    write_origin(paths[0], Origin(Data(SYNTHETIC, 4, 480, (), ("01-x",)), "smooth_l1", 400))
    (tmp_path / "b" / "pain_iter_9.caffemodel").write_bytes(b"dropped in")
    run_report(*(path.parent for path in paths), "--draws", 20, "--out", tmp_path / "out")
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    said = text[text.index('<div id="nets">'):text.index("<nav>")]
    assert "Synthetic net: means nothing for real faces." in said and said.count("<p>") == 3
    assert "a: smooth_l1, fold 01-x, 400 iterations; learned from synthetic faces" in said
    assert "b: no record beside the caffemodel" in said and "patients" not in text
    assert "learned from synthetic faces" in (tmp_path / "out/tables/table_1.md").read_text()
    assert '<div id="nets">' not in page  # of predictions alone


def test_refusals(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = write(tmp_path / "one.csv", rows(0.5, seed=1))
    two = write(tmp_path / "two.csv", rows(0.5, seed=1)[:-1])
    assert "f060 is not in" in refuses(one, two, "--out", "x", main=report.main)
    assert "one.csv: is a file" in refuses(one, "--out", one, main=report.main)
    assert "name a result" in refuses(main=report.main)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.csv", "two.csv"]
    assert_one_line_error(run_tool("report.py", "no.csv"), "report.py: no.csv: no such file")


# The page in a browser.

@pytest.fixture(scope="module")
def browser(made, tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("downloads")) as browser:
        browser.address = (made / "report.html").as_uri()
        yield browser


@pytest.fixture
def opened(browser):
    browser.leave()
    browser.said()
    browser.open(browser.address)
    yield browser
    assert browser.said() == []  # whatever a test did, the console stays silent


CURVES = "Array.from(document.getElementById('chart-video').data, trace => [trace.name, Array.from(trace.y)])"


@needs_browser
def test_opens_without_a_network_and_draws_every_chart(opened):
    events = [json.loads(entry["message"])["message"] for entry in opened.driver.get_log("performance")]
    asked = {event["params"]["request"]["url"].split(":")[0] for event in events
             if event["method"] == "Network.requestWillBeSent"}
    assert asked <= {"file", "data", "blob", "about"}, asked
    for chart, marks in (("figures", 5 * 4), ("pain", 3 * 4), ("subjects", 4), ("reliability", 3), ("intensity", 2),
                         ("video", 3), ("sweep-0", 5 * 3)):
        assert opened.js("document.querySelectorAll('#chart-%s .scatterlayer .trace').length" % chart) == marks, chart
    assert opened.js("document.querySelectorAll('#chart-confusion .heatmaplayer image').length") == 1
    assert opened.js("document.querySelectorAll('#chart-lag .boxlayer .trace').length") == 2
    assert opened.js("document.querySelector('#results').innerText.trim().split(/\\n+/)") == [
        "smooth l1", OTHER, *TRIVIAL]


@needs_browser
def test_every_video_has_its_curves(opened):
    one, two = rows(0.5, seed=1), rows(1.5, seed=1)
    order = sorted(range(6), key=lambda v: VIDEOS[v])  # folder order
    for place, v in enumerate(order):
        opened.choose("#video", place)
        label, first, second = opened.js(CURVES)
        part = slice(60 * v, 60 * v + 60)
        assert label == ["label", [row[3] for row in one[part]]]
        for (name, values), expected, of in (first, "smooth l1", one), (second, OTHER, two):
            assert html.unescape(name) == expected
            assert values == pytest.approx([float(row[4]) for row in of[part]], abs=1e-6)
        assert opened.js("document.querySelector('#chart-video .gtitle').textContent") == " / ".join(VIDEOS[v])
    opened.js("document.getElementById('thumbnails').scrollIntoView()")
    opened.wait("document.querySelectorAll('#thumbnails polyline').length == 6 * 3")
    points = opened.js("Array.from(document.querySelectorAll('#thumbnails polyline'), "
                       "line => line.getAttribute('points').split(' ').length)")
    assert points == 18 * [60]


@needs_browser
def test_results_are_chosen(opened):
    opened.click("#results input")
    opened.wait("document.querySelectorAll('#chart-video .scatterlayer .trace').length == 2")
    assert [name for name, _ in opened.js(CURVES)] == ["label", OTHER.replace("&", "&amp;").replace("<", "&lt;")]
    opened.click("#results input")
    opened.wait("document.querySelectorAll('#chart-video .scatterlayer .trace').length == 3")
    opened.choose("#subject-metric", "pcc")
    assert opened.js("document.getElementById('chart-subjects').data[0].y")[2] is None
    opened.choose("#matrix-metric", "wmse")
    assert opened.js("Array.from(document.querySelectorAll('.matrix')).filter(box => box.offsetHeight).map("
                     "box => box.dataset.metric)") == ["wmse"]
    opened.choose("#confusion-result", 1)
    counts = opened.js("document.getElementById('chart-confusion').data[0].customdata")
    assert np.sum(counts) == 360


@needs_browser
def test_zoom_by_dragging(opened):
    from selenium.webdriver import ActionChains
    opened.js("document.getElementById('chart-video').scrollIntoView({block: 'center'})")
    layer = opened.driver.find_element("css selector", "#chart-video .nsewdrag")
    before = opened.js("document.getElementById('chart-video').layout.xaxis.range.slice()")
    ActionChains(opened.driver).move_to_element_with_offset(layer, -100, 0).click_and_hold().move_by_offset(
        150, 5).release().perform()
    opened.wait("document.getElementById('chart-video').layout.xaxis.range[0] > 10")
    after = opened.js("document.getElementById('chart-video').layout.xaxis.range.slice()")
    assert before[0] < after[0] < after[1] < before[1]


@needs_browser
def test_every_link_works(opened):
    links = opened.js("Array.from(document.querySelectorAll('a'), a => [a.getAttribute('href'), a.download])")
    inside = [href for href, _ in links if href.startswith("#")]
    assert len(inside) == 8 + 6 and len(links) == 14 + 39
    for href in set(inside) - {"#video-%d" % v for v in range(1, 7)}:
        assert opened.js("document.querySelectorAll(arguments[0]).length", href) == 1
        opened.click("a[href='%s']" % href)
        assert opened.js("location.hash") == href
    for v in range(1, 7):
        opened.click("a[href='#video-%d']" % v)
        opened.wait("document.getElementById('video').value == %d" % (v - 1))
        assert opened.js("document.querySelector('#thumbnails a.chosen').getAttribute('href')") == "#video-%d" % v
    first = opened.js("Array.from(document.querySelectorAll('#thumbnails a'), a => Number(a.dataset.video))")
    opened.choose("#video", first[0])
    opened.click("#next")
    assert opened.js("Number(document.getElementById('video').value)") == first[1]
    opened.click("#previous"), opened.click("#previous")
    assert opened.js("Number(document.getElementById('video').value)") == first[-1]
    opened.open(opened.address + "#video-4")
    assert opened.js("document.getElementById('video').value") == "3"


@needs_browser
def test_downloads_are_the_tables(opened, made):
    for name, address in opened.js("Array.from(document.querySelectorAll('a[download]'), a => [a.download, a.href])"):
        assert base64.b64decode(address.split("base64,")[1]) == (made / "tables" / name).read_bytes(), name
    for name in "table_1.csv", "table_2.tex", "comparisons.md":
        opened.click("a[download='%s']" % name)
        assert opened.saved(name) == (made / "tables" / name).read_bytes()


@needs_browser
def test_light_and_dark(opened):
    ask = ("[getComputedStyle(document.body).backgroundColor, "
           "getComputedStyle(document.querySelector('#chart-video .xtick text')).fill, "
           "getComputedStyle(document.querySelector('#chart-video path.js-line')).stroke]")
    light = opened.js(ask)
    opened.cdp("Emulation.setEmulatedMedia", media="", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    opened.wait("getComputedStyle(document.querySelector('#chart-video .xtick text')).fill != '%s'" % light[1])
    dark = opened.js(ask)
    brightness = [[sum(map(int, color[4:-1].split(","))) for color in colors] for colors in (light, dark)]
    assert brightness[0][0] > 700 > 200 > brightness[0][1] and brightness[1][0] < 200 < 600 < brightness[1][1]
    assert brightness[0][2] < 200 and brightness[1][2] > 600  # the labels' curve


@needs_browser
@pytest.mark.parametrize("width", [360, 800, 1600])
def test_fits_any_width(opened, width):
    opened.open(opened.address, width=width)
    assert opened.js("document.documentElement.scrollWidth") <= width
    assert opened.js("document.getElementById('chart-video').getBoundingClientRect().right") <= width


@needs_browser
def test_prints_on_white_with_every_curve(opened):
    opened.open(opened.address, dark=True)
    printed = base64.b64decode(opened.cdp("Page.printToPDF", preferCSSPageSize=True)["data"])
    assert printed.startswith(b"%PDF-") and len(printed) > 50000
    assert opened.js("document.querySelectorAll('#thumbnails polyline').length") == 18
    opened.cdp("Emulation.setEmulatedMedia", media="print", features=[
        {"name": "prefers-color-scheme", "value": "dark"}])
    assert opened.js("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert opened.js("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert opened.js("document.querySelector('nav').offsetHeight") == 0
