"""Curves for ELAN, BORIS and players: what pympi, our reader and a rule of a line read is the summary's episodes."""
import re

import numpy as np
import pytest
from pympi import Eaf

import export_curve
from fuzz.child import status_of
from fuzz.formats import Format
from pain.errors import Problem
from pain.labels.reading import read_labels
from pain.labels.record import Reading
from pain.provenance import Data, Origin, as_dict
from pain.video.curve import no_face, write_curve
from pain.video.exports import tiers_of, write_exports
from pain.video.whole_curve import Curve, read_curve
from support.curves import curve, row

ABOUT = dict(source="=visit \u00e9\x07 --> 1.mp4", origin=as_dict(Origin(Data("synthetic"))))


def wave(person=1):
    """Ten seconds at 30000/1001 frames a second, from 0.4 s on, without a face for a while, and with a pause."""
    times = 0.4 + np.arange(300) * 1001 / 30000
    times[200:] += 2
    values = np.clip(2 + 1.7 * np.sin(np.arange(300) / 11 + person), 0, 5).round(6)
    rows = curve(times.round(6), values, person)
    return rows[:90] + [no_face(i, rows[i].time_s, 0) for i in range(90, 100)] + rows[100:]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a curve and all that the command makes of it."""
    folder = tmp_path_factory.mktemp("visit")
    write_curve(folder / "curve.csv", ABOUT, wave())
    assert status_of(Format("export_curve.py", None, export_curve.main, [str(folder)]), folder) == 0
    return folder


def episodes(folder, at_least):
    """The summary's episodes: onset, offset and apex, in seconds."""
    person, = read_curve(folder).summary()["people"]
    return [(one["onset_s"], one["offset_s"], one["apex"]) for at in person["thresholds"]
            if at["at_least"] == at_least for one in at["episodes"]]


def test_the_same_episodes(folder):
    eaf = Eaf(str(folder / "curve.eaf"))
    for at_least in 1, 2, 3:
        expected, name = episodes(folder, at_least), "at least %d" % at_least
        assert len(expected) >= 3
        by_pympi = [(start / 1000, end / 1000, float(value))
                    for start, end, value in eaf.get_annotation_data_for_tier("person 1, " + name)]
        np.testing.assert_allclose(by_pympi, expected, atol=0.0051)  # of the apex; of times see below
        np.testing.assert_allclose(np.array(by_pympi)[:, :2], np.array(expected)[:, :2], atol=5.1e-4)
        for file, tier in (("curve.eaf", "person 1, " + name), ("curve.elan.txt", "person 1, " + name),
                           ("curve.boris.csv", name)):
            made, = read_labels(folder / file, Reading(raters=(tier,)))
            assert np.transpose([made.at, made.until, made.label]).tolist() == pytest.approx(np.array(by_pympi))


def test_the_intensity_in_steps(folder):
    subtitles = re.findall(r"(\d\d):(\d\d):(\d\d\.\d{3}) --> (\d\d):(\d\d):(\d\d\.\d{3})\nintensity (\S+)\n<i>(.*)</i>",
                           (folder / "curve.vtt").read_text())
    spans = [[3600 * int(hours) + 60 * int(minutes) + float(seconds)
              for hours, minutes, seconds in (cue[:3], cue[3:6])] for cue in subtitles]
    assert {cue[-1] for cue in subtitles} == {"synthetic net: means nothing for real faces"}
    for i, one in enumerate(wave()):  # every frame is in one cue, which says its intensity, or in none
        within = [float(cue[6]) for (start, end), cue in zip(spans, subtitles)
                  if start - 5e-4 <= one.time_s < end - 6e-4]
        assert len(within) == (one.intensity == one.intensity), i
        assert not within or abs(within[0] - one.intensity) <= 0.25
    made, = read_labels(folder / "curve.eaf", Reading(raters=("person 1, intensity",)))
    np.testing.assert_allclose(np.transpose([made.at, made.until]), spans, atol=1e-9)
    finer, = tiers_of(wave(), (), 0.1)
    assert len(finer.stretches) > 2 * len(spans)


def test_every_file_says_what_made_it(folder):
    for name in "curve.eaf", "curve.elan.txt", "curve.boris.csv", "curve.vtt":
        text = (folder / name).read_text()
        assert "It learned from synthetic faces" in text and "\x07" not in text, name
    assert (folder / "curve.vtt").read_text().startswith("WEBVTT\n\nNOTE\n=visit \u00e9  -> 1.mp4\n")
    assert "'=visit" in (folder / "curve.boris.csv").read_text()


def test_several_people_and_nobody(tmp_path):
    both = sorted(wave() + wave(2), key=lambda one: (one.frame, one.person))
    both = [one for one in both if one.person]
    paths = write_exports(Curve(ABOUT, both), tmp_path, ("eaf", "vtt"))
    assert Eaf(str(paths[0])).get_tier_names() >= {"person 2, intensity", "person 1, at least 3"}
    assert "\nperson 2: 3.5\n" in paths[1].read_text()
    with pytest.raises(Problem, match="no intensity in any frame"):
        write_exports(Curve(ABOUT, [row(0, 0., np.nan, doubt="blur")]), tmp_path)
