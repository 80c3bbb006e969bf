"""People's table of participants or of videos, and which of its rows belongs to which row of the study.

Rows are joined by the column video (or filename), if there is one: a video's name or path, or as much of the path's
end as tells it from others. Otherwise by the columns that videos' names speak of, participant_id and session among
them: sub-01, 01 and, where a spreadsheet has eaten the 0, 1 are the same. A column person tells people in one video
apart.
"""
from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pain.errors import Problem
from pain.people_tables import PeopleTable, number, read_people_table
from pain.video_names import NOTHING, alike, plain

VIDEO = "video", "filename", "file"  # what a column of videos is called
PARTICIPANT = "participant_id", "participant", "subject_id", "subject", "patient_id", "patient", "id"
SAME = {**dict.fromkeys(PARTICIPANT, "sub"), "session_id": "ses", "session": "ses"}  # and what names of videos call it
USUAL = (*VIDEO, *SAME, "sub", "ses", "person", "task", "run", "group", "condition", "age", "sex", "gender", "site")
NO_NUMBER = *NOTHING, "NA", "NaN"


class Named(NamedTuple):
    """A row of the study as participants are looked up for it."""

    paths: Sequence[str]  # what its video and its curve are called
    person: int
    said: dict[str, str]  # by the names: {"sub": "01"}


def read_participants(path: str | Path) -> PeopleTable:
    """The table in the file `path`, in all the ways in which spreadsheets write it. Raises Problem."""
    return read_people_table(path, USUAL)


def columns_of(table: PeopleTable) -> dict[str, list]:
    """The table's columns {name: N values}: numbers where all are, so that 01 stays a text; None where there is none.

    Raises Problem for numbers of which nobody knows what their commas and points mean, and names that are there twice.
    """
    return {name: values_of(table, name) for name in dict.fromkeys(table.names) if name}


def values_of(table, name):
    """One of columns_of()."""
    texts = table.texts(name)
    filled = [text for text in texts if text not in NO_NUMBER]
    if not filled or not np.isfinite([number(text) for text in filled]).all() or any(
            re.match(r"[+-]?0\d", text) for text in filled):
        return [None if text in NOTHING else text for text in texts]
    values = table.numbers(name)[0].tolist()
    whole = all(re.fullmatch(r"[+-]?\d+", text) for text in filled)
    return [None if value != value else int(value) if whole else value for value in values]


def partners(table: PeopleTable, rows: list[Named]) -> list[int | None]:
    """For each row of the study which row of the table is its own, or None.

    Raises Problem if the table has nothing to join by, more than one row for the same, or one for several videos.
    """
    keys = joined_by(table, rows)
    cells = [[plain(text) for text in table.texts(name)] for name in keys.values()]
    index = {}
    for i, key in enumerate(zip(*cells)):
        if all(key) and index.setdefault(key, i) != i:
            raise Problem("%s: like line %d it is of %s; leave one, or say more by another column" % (
                table.place % table.lines[i], table.lines[index[key]],
                ", ".join("%s %s" % (name, table.texts(name)[i]) for name in keys.values())))
    videos = videos_of(table, table.texts(keys["video"]), rows) if "video" in keys else {}

    def key_of(row):
        said = dict(row.said, person=str(row.person), video=videos.get(tuple(row.paths), ""))
        return tuple(plain(said.get(what, "")) for what in keys)
    return [index.get(key_of(row)) for row in rows]


def joined_by(table, rows):
    """What rows are joined by: {what names of videos call it: the table's column}. Raises Problem if by nothing."""
    said = dict.fromkeys(what for row in rows for what in row.said)
    keys = dict([("video", name) for name in VIDEO if table.has(name)][:1])
    for name in () if keys else table.names:
        what = name if name in said else SAME.get(name)
        if what in said:
            keys.setdefault(what, name)
    if not keys:
        raise Problem("%s: no column says whose its rows are; name one video or participant_id, or as what names of "
                      "videos say, which is %s; --pattern says how to read these" % (
                          table.path, ", ".join(said) or "nothing"))
    return dict(keys, person="person") if table.has("person") else keys


def videos_of(table, texts, rows):
    """Which of a column's texts, as plain() has it, is of which video, {its paths: cell}.

    Raises Problem where that is not clear.
    """
    cells, found, owner = {plain(text): text for text in texts}, {}, {}
    cells.pop("", None)
    for paths in {tuple(row.paths): None for row in rows}:
        scores = {cell: max(alike(text, path) for path in paths) for cell, text in cells.items()}
        best = [cell for cell in scores if scores[cell] == max(scores.values()) > 0]
        if len(best) > 1:
            raise Problem("%s: %s; which of them is %s? write more of the path" % (
                table.path, " and ".join(cells[cell] for cell in best[:2]), paths[0]))
        if best:
            if owner.setdefault(best[0], paths[0]) != paths[0]:
                raise Problem("%s: is %s %s or %s? write more of the path" % (
                    table.path, cells[best[0]], owner[best[0]], paths[0]))
            found[paths] = best[0]
    return found
