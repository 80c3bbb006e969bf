"""A curve for other programs: its episodes, and its intensity in steps, as tiers of stretches on a player's clock.

    curve.eaf          ELAN's own, by pympi
    curve.elan.txt     tab-delimited text that ELAN imports (File, Import, CSV / Tab-delimited Text)
    curve.boris.csv    tabular events as BORIS exports them: a behavior a tier, its value a modifier
    curve.vtt          WebVTT, subtitles that say the intensity

A person's tier `intensity` has a stretch for all frames in a row whose intensities are alike, rounded to a step; the
tiers `at least 1` and so on have the episodes, whose value is their apex. Times are rounded to milliseconds. Each file
says what the nets have learned from, for it may be all that is passed on.
"""
from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pain.errors import Problem, needed_for
from pain.files import replacing
from pain.notice import description, short_notice
from pain.video.curve import Row, as_cell, video_of
from pain.video.episodes import MINIMUM, THRESHOLDS, episodes, of_episode
from pain.video.tracks import best, in_order, lasts, pauses, tracks
from pain.video.whole_curve import Curve

STEP = 0.5  # of intensity
INTENSITY = "intensity"
BORIS = ("Observation id", "Observation date", "Description", "Observation type", "Source", "Subject", "Behavior",
         "Behavioral category", "Modifier #1", "Behavior type", "Time", "Media file name", "Comment")


class Stretch(NamedTuple):
    """Some time of a video."""

    start: int  # milliseconds on a player's clock
    end: int
    value: str  # an intensity


class Tier(NamedTuple):
    """Stretches of a person, none of which overlap."""

    person: int
    name: str  # INTENSITY, or "at least 1"
    stretches: list[Stretch]


def tiers_of(rows: list[Row], thresholds: Sequence[float] = THRESHOLDS, step: float = STEP) -> list[Tier]:
    """The Tiers of a curve's rows: each person's intensity, then the episodes of each threshold, as the summary's."""
    times, made = in_order(rows)[1], []
    durations = lasts(times)
    for track in tracks(rows):
        values = best(track)
        made.append(Tier(track.person, INTENSITY, in_steps(values, times, durations, step)))
        for threshold in thresholds:
            found = [of_episode(values, times, durations, *ends)
                     for ends in episodes(values, times, threshold, MINIMUM)]
            made.append(Tier(track.person, "at least %g" % threshold, stretches(
                (episode["onset_s"], episode["offset_s"], "%.2f" % episode["apex"]) for episode in found)))
    return made


def in_steps(values, times, durations, step):
    """The Stretches of frames in a row that are alike when rounded to a step, half up; without those that have none."""
    steps = np.floor(values / step + 0.5)
    parts = np.flatnonzero((steps[1:] != steps[:-1]) | pauses(times)) + 1
    firsts, ends = np.append(0, parts), np.append(parts, len(times))
    return stretches((times[first], times[end - 1] + durations[end - 1], "%g" % (steps[first] * step))
                     for first, end in zip(firsts, ends) if not np.isnan(values[first]))


def stretches(spans):
    """Stretches of (start, end, value) in seconds; none of less than a millisecond, which no program here can say."""
    in_ms = [Stretch(int(round(1000 * start)), int(round(1000 * end)), value) for start, end, value in spans]
    return [stretch for stretch in in_ms if stretch.end > stretch.start]


def as_eaf(curve: Curve, tiers: list[Tier]) -> str:
    """An .eaf file. Raises Problem where pympi is missing."""
    with needed_for("writing .eaf files"):
        from pympi import Elan
    eaf = Elan.Eaf(author="pain-intensity")
    eaf.remove_tier("default")
    source = str(curve.about.get("source") or "")
    if source:
        media = Path(source)
        eaf.add_linked_file(media.resolve().as_uri() if media.exists() else clean(source),
                            "./" + clean(media.name), "video/" + (clean(media.suffix[1:]).lower() or "mp4"))
    eaf.add_property("notice", curve.notice)
    eaf.add_property("nets", clean(description(curve.origin)))
    for tier in tiers:
        name = "person %d, %s" % tier[:2]
        eaf.add_tier(name, part="person %d" % tier.person, ann="pain-intensity")
        for stretch in tier.stretches:
            eaf.add_annotation(name, *stretch)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Elan.to_string(eaf) + "\n"


def clean(text):
    """A text that may stand in XML."""
    return "".join(c if c.isprintable() else " " for c in text)


def as_tab_delimited(curve: Curve, tiers: list[Tier]) -> str:
    """Text that ELAN imports: a line that says what it is of, one of names, then a stretch a line."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(["# %s. %s" % (video_of(curve.about), curve.notice)])
    writer.writerow(["Tier", "Participant", "Begin Time - hh:mm:ss.ms", "Begin Time - msec", "End Time - hh:mm:ss.ms",
                     "End Time - msec", "Annotation"])
    for tier in tiers:
        for start, end, value in tier.stretches:
            writer.writerow(["person %d, %s" % tier[:2], "person %d" % tier.person, clock(start), start, clock(end),
                             end, value])
    return text.getvalue()


def as_boris(curve: Curve, tiers: list[Tier]) -> str:
    """Tabular events: a START and a STOP of each stretch, in the order of time."""
    video, said = video_of(curve.about), short_notice(curve.origin)
    events = sorted((moment, order, tier.person, tier.name, stretch.value) for tier in tiers
                    for stretch in tier.stretches for order, moment in ((1, stretch.start), (0, stretch.end)))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(BORIS)
    for moment, order, person, name, value in events:
        writer.writerow([as_cell(Path(video).stem), "", curve.notice, "Media file(s)", "player #1:" + video,
                         "person %d" % person, name, "pain", value, ("STOP", "START")[order],
                         "%.3f" % (moment / 1000), video, said])
    return text.getvalue()


def as_vtt(curve: Curve, tiers: list[Tier]) -> str:
    """Subtitles of each person's intensity, and below it in a few words what the nets have learned from."""
    several, said = len({tier.person for tier in tiers}) > 1, short_notice(curve.origin)
    lines = ["WEBVTT", "", "NOTE", clean(str(curve.about.get("source") or "a video")).replace("-->", "->"),
             curve.notice, ""]
    for start, end, person, value in sorted((stretch.start, stretch.end, tier.person, stretch.value) for tier in tiers
                                            if tier.name == INTENSITY for stretch in tier.stretches):
        lines += ["%s --> %s" % (clock(start), clock(end)),
                  "%s %s" % ("person %d:" % person if several else INTENSITY, value), "<i>%s</i>" % said, ""]
    return "\n".join(lines)


def clock(milliseconds):
    """A time as hh:mm:ss.mmm."""
    seconds, milliseconds = divmod(milliseconds, 1000)
    return "%02d:%02d:%02d.%03d" % (seconds // 3600, seconds // 60 % 60, seconds % 60, milliseconds)


FORMS = {"eaf": ("curve.eaf", as_eaf), "tab": ("curve.elan.txt", as_tab_delimited),
         "boris": ("curve.boris.csv", as_boris), "vtt": ("curve.vtt", as_vtt)}  # what is written where, and how


def write_exports(curve: Curve, folder: Path, forms: Sequence[str] = tuple(FORMS),
                  thresholds: Sequence[float] = THRESHOLDS, step: float = STEP) -> list[Path]:
    """Write a curve in some of FORMS into `folder`. Returns the paths. Raises Problem where nobody has an intensity."""
    tiers = tiers_of(curve.rows, thresholds, step)
    if not any(tier.stretches for tier in tiers):
        raise Problem("%s: no intensity in any frame, so there is nothing to export"
                      % (curve.about.get("source") or folder))
    texts = {folder / name: form(curve, tiers) for name, form in map(FORMS.get, forms)}
    for path, text in texts.items():
        with replacing(path) as partial:
            partial.write_text(text, encoding="utf-8")
    return list(texts)
