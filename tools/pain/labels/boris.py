"""Labels that were made in BORIS: its tabular events as CSV or TSV, state events by START and STOP, or aggregated.

The label of a state is the number among its modifiers, or else the one in which the behavior's name ends: `pain` with
the modifier 3, or `pain 3`. States without a number, and points, which last for no time, are passed over.
"""
from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pain.errors import Problem
from pain.labels.record import INTERVAL, Column, Labels, Reading, labels_of, rater_name
from pain.people_tables import PeopleTable, number, plain, seconds

KIND = "behavior_type", "status"  # of later and of earlier versions
MEDIA = "media_file_name", "media_file_path", "media_file", "source"
OBSERVER = "rater", "coder", "annotator", "observer"  # independent variables that say who it was


class State(NamedTuple):
    """A state that lasts."""

    video: str
    rater: str
    start: float
    end: float
    label: float
    line: int


def is_boris(table: PeopleTable) -> bool:
    """Whether a table is of BORIS's events."""
    return table.has("behavior") and any(map(table.has, KIND))


def labels_of_boris(table: PeopleTable, reading: Reading) -> list[Labels]:
    """The Labels of each rater and video. Raises Problem where there are none, or a state does not end."""
    aggregated = table.has("start_s")
    cells = {name: table.texts(name) for name in dict.fromkeys(table.names)
             if name and table.names.count(name) == 1}
    rows = [dict(zip(cells, values)) for values in zip(*cells.values())]
    labels = [label_in(row) for row in rows]
    if reading.raters:
        wanted = set(map(plain, reading.raters))
        labels = [label if plain(row["behavior"]) in wanted else np.nan for row, label in zip(rows, labels)]
    states = list((spans if aggregated else pairs)(table, rows, labels))
    if not states:
        raise Problem("%s: no state with a number, such as the behavior pain 3, or pain with the modifier 3"
                      % table.path)
    observers, groups = {state.rater for state in states}, {}
    for state in states:
        groups.setdefault((state.video, state.rater), []).append(state)
    found = []
    for (video, rater), some in groups.items():
        column = Column(INTERVAL, *(np.array([getattr(state, field) for state in some], dtype) for field, dtype in (
            ("start", float), ("end", float), ("label", float), ("line", int))), table.place, "start")
        found.append(labels_of(column, table.path, reading, rater if len(observers) > 1 else "", video))
    return found


def label_in(row):
    """The label in a row, NaN where it has none: the first number among the modifiers, or at the behavior's end."""
    modifiers = [part for name, text in row.items() if name.startswith("modifier") for part in text.split("|")]
    at_end = re.search(r"(?:^|[\s_=:-])([0-9]+(?:[.,][0-9]+)?)$", row["behavior"], re.ASCII)
    numbers = [number(text) for text in [*modifiers, at_end.group(1) if at_end else ""]]
    return next((value for value in numbers if value == value), np.nan)


def owner(row):
    """Which video a row is of, and which rater."""
    video = next((re.sub(r"^player #\d+:", "", row[name]) for name in MEDIA if row.get(name)), "")
    rater = next((row[name] for name in OBSERVER if row.get(name)), row.get("observation_id", ""))
    return video, rater_name(rater)


def spans(table, rows, labels) -> Iterator[State]:
    """The States of aggregated events."""
    for row, label, line in zip(rows, labels, table.lines.tolist()):
        if label == label and row.get("behavior_type", "").upper() != "POINT":
            yield State(*owner(row), seconds(row["start_s"]), seconds(row.get("stop_s", "")), label, line)


def pairs(table, rows, labels) -> Iterator[State]:
    """The States of START and STOP events."""
    kind = next(name for name in KIND if table.has(name))
    table.texts("time")  # or it is missed
    begun = {}
    order = sorted(range(len(rows)), key=lambda i: (seconds(rows[i]["time"]), rows[i][kind].upper() != "STOP"))
    for i in order:
        row, label, line = rows[i], labels[i], int(table.lines[i])
        key = (*owner(row), row.get("subject"), row["behavior"], label)
        if label != label or row[kind].upper() not in ("START", "STOP"):
            continue
        if row[kind].upper() == "START":
            if key in begun:
                raise Problem("%s: %s starts again before it stops; mend the events in BORIS" % (
                    table.place % line, row["behavior"]))
            begun[key] = i
        elif key not in begun:
            raise Problem("%s: %s stops without a start; mend the events in BORIS" % (
                table.place % line, row["behavior"]))
        else:
            first = begun.pop(key)
            yield State(*key[:2], seconds(rows[first]["time"]), seconds(row["time"]), label, int(table.lines[first]))
    for first in begun.values():
        raise Problem("%s: %s does not stop; mend the events in BORIS" % (
            table.place % table.lines[first], rows[first]["behavior"]))
