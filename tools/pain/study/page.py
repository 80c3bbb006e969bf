"""The study as one HTML file: all curves, a table that can be sorted, what to look at again, and groups."""
from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pain.datasets.pspi import CLASSES
from pain.documents.document import csv_address, write_document
from pain.notice import description, notice, short_notice
from pain.study.groups import Group
from pain.study.people import StudyPerson
from pain.study.table import StudyTable
from pain.tables import Table, number

STATIC = Path(__file__).resolve().parent / "static"
TALL = 100  # units of a drawn intensity of 1
BESIDE = "video", "curve", "person", "of", "smoothing", "finished", "nets", "notice"  # columns that are no figures
SHOWN = {  # figures in the page's table, as people read them, and decimals; study.csv has all
    "duration_s": ("seconds", 1), "found_share": ("face found", 2), "doubted_share": ("doubted", 2),
    "mean": ("mean", 2), "median": ("median", 2), "percentile_95": ("95th percentile", 2), "peak": ("peak", 2),
    "peak_at_s": ("peak at, s", 1), "area": ("area", 1)}
OF_THRESHOLD = {"share": ("share of %s or more", 2), "episodes": ("episodes of %s", 0)}


class Drawn(NamedTuple):
    """A curve as it is drawn."""

    place: int  # from 1, by which links find it
    name: str
    seconds: float
    lines: list[tuple[int, str]]  # (the person's place among those of the curve, an SVG polyline's points)
    mean: str  # of the first person
    peak: str
    look: int  # how many reasons there are to look at it again


class Look(NamedTuple):
    """A curve to be looked at again."""

    drawn: Drawn
    reasons: list[str]
    stills: list  # of stills.Still
    without: str  # why there are none


class Panel(NamedTuple):
    """A figure of all groups as it is drawn, 0..1 upwards."""

    title: str
    top: float  # what 1 stands for
    groups: list[dict[str, Any]]  # of each: name, points (x, y), mean, low and high, or None


def write_page(path: Path, people: list[StudyPerson], table: StudyTable, left_out: dict[str, str],
               thresholds: list[float], groups: list[Group], group_table: Table | None,
               stills: dict[str, Any] | None) -> None:
    """Write study.html. left_out: {curve: why}; groups, group_table: of groups_of() and groups_table(), if any;
    stills: {curve: its Stills, or why there are none}, None if they were not asked for.

    Raises ImportError where jinja2 is missing.
    """
    reasons = reasons_of(table)
    curves = drawn_curves(people, reasons)
    places = {one.name: one for one in curves}
    looks = [Look(places[name], why, *with_or_without(stills, name)) for name, why in by_urgency(reasons, people)
             if name in places]
    columns = shown_columns(table, thresholds)
    write_document(
        path, STATIC, "study.html", "study.css", "study.js", curves=curves, looks=looks, left_out=left_out,
        columns=[(title, numeric) for _, title, _, numeric in columns],
        rows=table_rows(table, columns, places), people=sum(bool(one.person) for one in people),
        notice=notice(table.origin), short=short_notice(table.origin), nets=description(table.origin),
        notes=table.notes, with_stills=stills is not None,
        pictures=any(look.stills for look in looks), groups=group_table, panels=panels(groups, group_table),
        top=CLASSES - 1, tall=TALL, csv=csv_address(list(table.columns), zip(*table.columns.values())))


def reasons_of(table: StudyTable) -> dict[str, list[str]]:
    """Why curves are to be looked at again, {curve: reasons}."""
    reasons = {}
    for note in table.notes:
        for curve in note.curves:
            reasons.setdefault(curve, []).append(note.text)
    return reasons


def by_urgency(reasons, people):
    """The items of reasons_of(), the curves with most reasons first, then those with an intensity least often."""
    known = {}
    for one in people:
        known[one.curve] = max(known.get(one.curve, 0), one.figures["intensity_share"])
    return sorted(reasons.items(), key=lambda item: (-len(item[1]), known.get(item[0], 0)))


def with_or_without(stills, curve):
    """(The Stills of a curve, why there are none)."""
    found = (stills or {}).get(curve, [])
    return ([], found) if isinstance(found, str) else (found, "")


def drawn_curves(people, reasons):
    """The curves as Drawn, in their order."""
    of = {}
    for one in people:
        of.setdefault(one.curve, []).append(one)
    return [Drawn(place, name, own[0].sketch.seconds,
                  [(i, points(line, own[0].sketch.seconds)) for i, one in enumerate(own) for line in one.sketch.lines],
                  number(own[0].figures["mean"], 2), number(own[0].figures["peak"], 2), len(reasons.get(name, ())))
            for place, (name, own) in enumerate(of.items(), 1)]


def points(line, seconds):
    """An SVG polyline's points of a line of a Sketch: 1000 wide, TALL high for each step of intensity, from the top."""
    scale = 1000 / seconds if seconds else 0
    at = ["%.0f,%.0f" % (scale * t, TALL * (CLASSES - 1 - value)) for t, value in line]
    if len(at) == 1:  # of which a line shows nothing
        at.append("%.0f,%s" % (scale * line[0][0] + 4, at[0].split(",")[1]))
    return " ".join(dict.fromkeys(at))


def shown_columns(table, thresholds):
    """The table's columns after the curve's: (key, title, digits, whether it is of numbers)."""
    figures = dict(SHOWN)
    for threshold in thresholds:
        text = "%g" % threshold
        for end, (title, digits) in OF_THRESHOLD.items():
            figures["above_%s_%s" % (text.replace(".", "_"), end)] = title % text, digits
    first = next(i for i, name in enumerate(table.columns) if name == "duration_s")
    own = [name for name in list(table.columns)[:first] if name not in BESIDE]
    several = ["person"] if max(table.columns["person"]) > 1 else []
    return ([(name, name, None, all(isinstance(value, (int, float, type(None))) for value in table.columns[name]))
             for name in several + own] + [(name, *figures[name], True) for name in figures])


def table_rows(table, columns, places):
    """Rows for the template: (the Drawn, a list of (text, what to sort by or None))."""
    rows = []
    for i, curve in enumerate(table.columns["curve"]):
        cells = []
        for key, _, digits, numeric in columns:
            value = table.columns[key][i]
            text = "" if value is None else number(value, digits) if digits is not None else str(value)
            cells.append((text, value if numeric or value is None else str(value)))
        rows.append((places[curve], cells))
    return rows


def panels(groups, table):
    """The groups' figures as Panels."""
    found = []
    for m, column in enumerate(table.columns[3:] if table else ()):
        values = np.concatenate([group.values[:, m] for group in groups]) if groups else np.array([])
        top = CLASSES - 1 if column.key in ("mean", "peak") else 1
        if np.isnan(values).all():
            continue
        found.append(Panel(column.title, top, [dict(
            name=group.name, points=[((k * 0.618) % 1, value / top) for k, value in enumerate(group.values[:, m])
                                     if value == value],
            **{name: None if value != value else value / top
               for name, value in zip(("mean", "low", "high"), group.estimates[m])}) for group in groups]))
    return found
