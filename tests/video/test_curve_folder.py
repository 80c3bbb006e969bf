"""The files of a video's curve: a log while it grows, whole when it is done, and the same whoever goes on with what."""
import json
from itertools import islice

import numpy as np
import pytest

from pain import locks
from pain.errors import Problem
from pain.faces.alignment import TEMPLATE
from pain.faces.detector import Face
from pain.video import curve_folder
from pain.video.curve import FOUND, NONE, fields, read_curve
from pain.video.curve_folder import finish_curve, record_curve
from pain.video.estimator import Estimator
from pain.video.smoothing import Filter, smooth
from pain.video.source import Frame, Video

FRAMES, GONE, ABOUT = 30, (12, 13), {"source": "noise"}
LEVELS = 128 + 60 * np.sin(np.arange(FRAMES) / 3) + 20 * (np.arange(FRAMES) % 2)
LOG = ["curve.about.json", "curve.csv"]
GAUSSIAN, MEDIAN = Filter("gaussian", 0.08), Filter("median", 0.2)


class Noise(Video):
    """Grey noise, now lighter, now darker, but for two black frames."""

    name, width, height, rate, count = "noise", 96, 112, 25, FRAMES

    def frames(self):
        noise = np.random.RandomState(0).randint(-40, 41, (112, 96, 3))
        for i, level in enumerate(LEVELS):
            yield Frame(i, i / 25, ((level + noise).clip(0, 255) * (i not in GONE)).astype(np.uint8))


class Everywhere:
    """A detector that finds a face in every image that is not black."""

    def faces(self, images):
        face = Face(np.array([8.25, 8, 80, 96]), 0.9, TEMPLATE)
        return [[face] if image.any() else [] for image in images]


def light(faces):
    """Nets that say how light a face is: 0..5 is 0..255."""
    return faces.mean(axis=(1, 2, 3))[:, None] / 51


@pytest.fixture
def estimator():
    return Estimator(light, Everywhere(), gap=0)


def rated(estimator, folder, smoothing=None, frames=FRAMES, **options):
    """Rate so many frames, and finish the curve if that is all. Returns the Recorded."""
    recording = record_curve(estimator, Noise(), folder, ABOUT, **options)
    recorded = list(islice(recording, frames))
    recording.close()
    if frames >= FRAMES:
        finish_curve(folder, smoothing)
    return recorded


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".png"}


def test_the_log_is_not_smoothed_and_the_whole_is(estimator, tmp_path):
    rated(estimator, tmp_path, frames=20)
    assert names(tmp_path) == LOG
    about, log = read_curve(tmp_path / "curve.csv")
    assert about == ABOUT and [row.frame for row in log] == list(range(20))
    assert all(np.isnan(row.smoothed) for row in log)
    rated(estimator, tmp_path, Filter("median", 0.12), overwrite=True)  # of three frames
    _, rows = read_curve(tmp_path / "curve.csv")
    assert [row.face for row in rows] == [NONE if i in GONE else FOUND for i in range(FRAMES)]
    intensity = np.array([row.intensity for row in rows])
    known = ~np.isin(np.arange(FRAMES), GONE)
    np.testing.assert_allclose(intensity[known], LEVELS[known] / 51, atol=0.1)
    for i, row in enumerate(rows):
        near = intensity[max(0, i - 1):i + 2]
        assert row.smoothed == pytest.approx(np.median(near[~np.isnan(near)]) if known[i] else np.nan, nan_ok=True)
    assert json.loads((tmp_path / "curve.json").read_text())["smoothing"] == {"kind": "median", "seconds": 0.12}
    assert names(tmp_path) == [*LOG, "curve.json", "curve.png"]


@pytest.mark.parametrize("before, after", [(None, None), (None, MEDIAN), (GAUSSIAN, None), (GAUSSIAN, MEDIAN)])
@pytest.mark.parametrize("frames", [14, FRAMES])
def test_resumed_with_any_filter_it_is_what_a_fresh_run_gives(estimator, tmp_path, frames, before, after):
    fresh, resumed = tmp_path / "fresh", tmp_path / "resumed"
    rated(estimator, fresh, after)
    rated(estimator, resumed, before)
    if frames < FRAMES:  # gone on with once, and interrupted; the column was there
        lines = (resumed / "curve.csv").read_text().splitlines(keepends=True)
        (resumed / "curve.csv").write_text("".join(lines[:1 + frames]))
    assert (before is None) == all(np.isnan(row.smoothed) for row in read_curve(resumed / "curve.csv")[1])
    recorded = rated(estimator, resumed, after, resume=True)
    assert [frame.number for frame in recorded] == list(range(FRAMES))
    assert [frame.computed for frame in recorded] == [False] * (frames - 1) + [True] * (FRAMES - frames + 1)
    assert contents(resumed) == contents(fresh)
    about, rows = read_curve(resumed / "curve.csv")
    unsmoothed = [row._replace(smoothed=np.nan) for row in rows]
    expected = smooth(unsmoothed, *after) if after else unsmoothed
    assert [fields(row) for row in rows] == [fields(row) for row in expected]
    made = json.loads((resumed / "curve.json").read_text())
    assert made["smoothing"] == (after and {"kind": after.kind, "seconds": after.seconds})
    assert made["summary"]["people"][0]["of"] == ("smoothed" if after else "intensity")


def test_a_curve_is_not_lost(estimator, tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE", 0)
    recording = record_curve(estimator, Noise(), tmp_path, ABOUT)
    next(recording)
    for options in dict(resume=True), dict(overwrite=True), {}:  # while another writes
        with pytest.raises(Problem, match="another process"):
            rated(estimator, tmp_path, **options)
    recording.close()
    before = contents(tmp_path)
    with pytest.raises(Problem, match="curve.csv: is there already; --resume .* --overwrite"):
        rated(estimator, tmp_path)
    assert contents(tmp_path) == before and names(tmp_path) == LOG
    rated(estimator, tmp_path, overwrite=True)
    assert len(read_curve(tmp_path / "curve.csv")[1]) == FRAMES


def test_a_resumed_log_is_not_smoothed_either(estimator, tmp_path):
    rated(estimator, tmp_path, Filter("gaussian", 0.1))
    rated(estimator, tmp_path, frames=12, resume=True)
    assert names(tmp_path) == LOG  # curve.json stands for a whole curve
    _, rows = read_curve(tmp_path / "curve.csv")
    assert len(rows) == FRAMES - 1 and all(np.isnan(row.smoothed) for row in rows)


def test_whatever_fails_at_the_end_the_curve_is_there_to_go_on_with(estimator, tmp_path, monkeypatch):
    def no_picture(*_):
        raise ZeroDivisionError
    with monkeypatch.context() as patch:
        patch.setattr(curve_folder, "draw", no_picture)
        with pytest.raises(ZeroDivisionError):
            rated(estimator, tmp_path, GAUSSIAN)
    assert names(tmp_path) == LOG
    rated(estimator, tmp_path, MEDIAN, resume=True)
    rated(estimator, tmp_path / "fresh", MEDIAN)
    assert (tmp_path / "curve.csv").read_bytes() == (tmp_path / "fresh" / "curve.csv").read_bytes()
