"""Labels that were made in ELAN: an .eaf file, or its tab-delimited text, each tier a rater's.

    a.eaf    as pympi reads it. A tier with a number in every annotation holds labels
    a.txt    Export As, Tab-delimited Text: with a line of names or, as ELAN has it by default, without; with times as
             msec, ss.msec or hh:mm:ss.ms; tiers below one another or in columns of their own
"""
from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import numpy as np

from pain.errors import Problem, needed_for
from pain.evaluation.frames import refuse
from pain.labels.record import INTERVAL, Column, Labels, Reading, labels_of, rater_name
from pain.people_tables import CLOCK, PeopleTable, number, plain, seconds
from pain.temporary import temporary_folder

UNITS = ("msec", 1e-3), ("ss_msec", 1), ("hh_mm_ss_ms", 1)  # of its times, the most exact first
START, END, DURATION = "begin_time_", "end_time_", "duration_"
NO_TIER = "annotator", "participant", "file_name", "file_path", "parent", "tier", "annotation"
MOMENT = re.compile(r"\d+(\.\d+)?$|\d\d:\d\d:\d\d[.:]\d+$", re.ASCII)  # a time in any of its forms


class Tier(NamedTuple):
    """A tier's N annotations."""

    name: str
    start: np.ndarray  # (N,) float64 seconds; NaN: no time
    end: np.ndarray
    texts: list[str]
    rows: np.ndarray  # (N,) int
    place: str


def parse_eaf(content: bytes, path: str | Path, reading: Reading) -> list[Labels]:
    """The Labels of each rater in the content of an .eaf file. Raises Problem when it is damaged or has none."""
    with needed_for("reading .eaf files"):
        from pympi import Eaf
    with temporary_folder("eaf") as folder:
        copy = folder / "a.eaf"  # which pympi wants, for a name of - is standard input to it
        copy.write_bytes(content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of versions later than those that it knows
                eaf = Eaf(str(copy))
            tiers = [tier_of(path, name, eaf.get_annotation_data_for_tier(name)) for name in eaf.get_tier_names()]
            media = [unquote(str(entry.get("MEDIA_URL", ""))) for entry in eaf.media_descriptors]
        except Exception:  # whatever comes to its mind of a damaged file
            raise Problem("%s: not a readable ELAN file; open it in ELAN and save it again" % path) from None
    return labels_of_tiers(tiers, path, reading, media[0] if media else "")


def tier_of(path, name, annotations):
    """The Tier of pympi's annotations, whose first values are begin, end and text."""
    annotations = sorted(annotations, key=lambda annotation: annotation[0] or 0)
    start, end = (np.array([np.nan if annotation[i] is None else annotation[i] / 1000 for annotation in annotations])
                  for i in (0, 1))
    place = "%s: tier %s, annotation %%d" % tuple(str(text).replace("%", "%%") for text in (path, name))
    return Tier(name, start, end, [annotation[2].strip() for annotation in annotations],
                np.arange(1, len(annotations) + 1), place)


def labels_of_tiers(tiers: list[Tier], path: str | Path, reading: Reading, video: str = "") -> list[Labels]:
    """The Labels in those Tiers that hold any. Raises Problem where none does, or one that was asked for."""
    wanted, there = {plain(name) for name in reading.raters}, {plain(tier.name) for tier in tiers}
    missing = [name for name in reading.raters if plain(name) not in there]
    if missing:
        raise Problem("%s: no tier %s; it has: %s" % (
            path, missing[0], ", ".join(tier.name for tier in tiers) or "nothing"))
    filled = [tier for tier in tiers if len(tier.texts)]
    chosen = [tier for tier in filled if (plain(tier.name) in wanted if wanted else not without_number(tier))]
    if not chosen:
        strange = ["%s is %r" % (tier.place % tier.rows[i], tier.texts[i][:40]) for tier in filled
                   for i in without_number(tier)[:1]]
        raise Problem("; ".join(strange[:3]) + "; a tier of labels has a number in every annotation" if strange else
                      "%s: no annotation in any tier" % path)
    found = []
    for tier in chosen:
        refuse(~np.isfinite(tier.start + tier.end), tier.place, tier.rows, "it has no time")
        labels = np.array([number(text) for text in tier.texts])
        column = Column(INTERVAL, tier.start, tier.end, labels, tier.rows, tier.place, "onset")
        found.append(labels_of(column, path, reading, rater_name(tier.name) if len(chosen) > 1 else "", video))
    return found


def without_number(tier):
    """Which of a Tier's annotations are no numbers, a list of int."""
    return [i for i, text in enumerate(tier.texts) if np.isnan(number(text))]


def names_for(lines: list[str]) -> list[str] | None:
    """The names of the columns of tab-delimited text without any, as ELAN writes it: tier, participant, the times of
    begin, end and duration, in each form that was chosen, and the annotation. None where it is not such a text.
    """
    rows = [line.rstrip("\r\n").split("\t") for line in lines if line.strip() and not re.match(r'"?#', line)]
    if not rows or len(rows[0]) < 4 or len({len(row) for row in rows}) > 1:
        return None
    of_times = [i for i in range(1, len(rows[0])) if all(MOMENT.match(row[i]) for row in rows)]
    of_times = [i for i in of_times if i < len(rows[0]) - 1]
    if len(of_times) < 2 or any(i not in of_times for i in range(of_times[0], len(rows[0]) - 1)):
        return None
    names, count = ["tier", "participant"][:of_times[0]] + ["annotator"] * (of_times[0] - 2), {}
    for i in of_times:
        unit = unit_of([row[i] for row in rows])
        count[unit] = count.get(unit, 0) + 1
        part = (START, END, DURATION)[min(count[unit], 3) - 1]
        names.append(part + unit)
    return [*names, "annotation"]


def unit_of(texts):
    """Which form a column of times has: one of UNITS, or another, which is not read."""
    if not any(":" in text for text in texts):
        return "msec" if all(text.isdecimal() for text in texts) else "ss_msec"
    return "hh_mm_ss_ms" if all(CLOCK.match(text) for text in texts) else "frames"


def is_tab_delimited(table: PeopleTable) -> bool:
    """Whether a table's columns are those of ELAN's tab-delimited text."""
    return any(name.startswith(START) for name in table.names)


def labels_of_text(table: PeopleTable, reading: Reading) -> list[Labels]:
    """The Labels of each rater, and of each file where several are in one text. Raises Problem where there are none."""
    start, end = (moments(table, part) for part in (START, END))
    if end is None:
        duration = moments(table, DURATION)
        if duration is None:
            raise Problem("%s: neither end times nor durations; choose one of them when exporting from ELAN"
                          % table.path)
        end = start + duration
    files = next((table.texts(name) for name in ("file_path", "file_name") if table.has(name)), [""] * len(start))
    if table.has("annotation"):
        texts = table.texts("annotation")
        names = table.texts("tier") if table.has("tier") else [""] * len(texts)
        cells = list(zip(files, names, texts, range(len(texts))))
    else:
        columns = [name for name in table.names if name and name not in NO_TIER and not name.startswith(
            (START, END, DURATION))]
        cells = [(files[i], name, text, i) for name in columns for i, text in enumerate(table.texts(name)) if text]
    found = []
    for file in dict.fromkeys(files):
        tiers = {}
        for of, name, text, i in cells:
            if of == file:
                tiers.setdefault(name, []).append((text, i))
        found += labels_of_tiers([
            Tier(name, start[[i for _, i in some]], end[[i for _, i in some]], [text for text, _ in some],
                 table.lines[[i for _, i in some]], table.place) for name, some in tiers.items()],
            table.path, reading, file)
    return found


def moments(table, part):
    """A time's column in seconds, (N,), in the most exact form that is there; None where it is in none."""
    for unit, size in UNITS:
        if table.has(part + unit):
            return np.array([seconds(text) * size for text in table.texts(part + unit)])
    return None
