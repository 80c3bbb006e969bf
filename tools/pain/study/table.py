"""The study's table: a row a video and person, with what names and participants say, as study.csv.

    study.csv           for any statistics program; empty is what is not known
    study.parquet       the same with types, where pyarrow is installed
    study.about.json    how it was made: thresholds, smoothing, what was left out, what to look at

study.html is written by pain/study/page.py.
"""
from __future__ import annotations

import contextlib
import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from pain.files import replacing, write_csv
from pain.notice import notice
from pain.people_tables import PeopleTable
from pain.provenance import Origin, as_dict, merged
from pain.study.participants import Named, columns_of, joined_by, partners
from pain.study.people import SETTINGS, StudyPerson
from pain.video.curve import as_cell

MADE = "study.csv", "study.parquet", "study.about.json", "study.html"
DOUBTED = 0.25  # of the frames: a share from which on a curve is worth a look


class Note(NamedTuple):
    """Something to look at."""

    text: str
    of: list[str]  # the curves, the people in them, or the rows of participants
    curves: list[str] = []  # whose they are


class StudyTable(NamedTuple):
    """The study's table of N rows, and what is to be said of it."""

    columns: dict[str, list]  # of N cells each: str, int, float, or None where nothing is known
    notes: list[Note]
    origin: Origin  # of all nets together


def study_table(people: list[StudyPerson], participants: PeopleTable | None = None) -> StudyTable:
    """The StudyTable of people, at least one. Raises Problem where participants cannot be joined to them.

    What names or participants call as a column before them gets an underscore at its end.
    """
    columns = {name: [getattr(one, name) for one in people] for name in ("video", "curve", "person")}
    figures = {name: [one.figures[name] for one in people] for name in people[0].figures}
    taken = {*columns, *figures}
    for name in dict.fromkeys(name for one in people for name in one.said):
        columns[free(name, taken)] = [as_cell(one.said[name]) if name in one.said else None for one in people]
    notes = made_differently(people) + to_look_at(people)
    if participants:
        named = [Named(one.paths, one.person, one.said) for one in people]
        keys, rows = joined_by(participants, named), partners(participants, named)
        for name, values in columns_of(participants).items():
            if keys.get(name) != name:
                columns[free(name, taken)] = [None if row is None else values[row] for row in rows]
        notes += without_partner(participants, keys, people, rows)
    return StudyTable({**columns, **figures}, notes, merged([one.origin for one in people]))


def free(name, taken):
    """The name, with underscores while it is taken; then it is."""
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def made_differently(people):
    """Notes of curves that were made with other settings than most."""
    notes = []
    for setting in (*SETTINGS, "smoothing"):
        values = {one.curve: json.dumps(one.made_with.get(setting)) for one in people}
        usual = Counter(values.values()).most_common(1)[0][0]
        other = [curve for curve, value in values.items() if value != usual]
        notes.append(Note("another %s than most curves" % setting, other, other))
    return [note for note in notes if note.of]


def to_look_at(people):
    """Notes of curves that may not be what they seem."""
    curves = list({one.curve: one for one in people}.values())
    same = {key for key, count in Counter(key for one in curves for key in video_keys(one)).items() if count > 1}
    of_curves = {
        "no curve.json beside it, as where the command was stopped": lambda one: one.figures["finished"] == "no",
        "its video is damaged, and the curve is of what could be read": lambda one: one.damage,
        "more than one curve is of that video": lambda one: same & video_keys(one),
        "nobody in it": lambda one: not one.person}
    of_people = {
        "a face in less than half of the frames": lambda one: one.figures["none_share"] > 0.5,
        "the face is doubtful in a quarter of the frames or more": lambda one: one.figures["doubted_share"] >= DOUBTED,
        "the face is suddenly in another place, and perhaps another person's": lambda one: one.figures["elsewhere"]}
    found = [(text, [one.curve for one in curves if holds(one)], [one for one in curves if holds(one)])
             for text, holds in of_curves.items()]
    with_person = [one for one in people if one.person]
    found += [(text, [person_of(one) for one in with_person if holds(one)], [one for one in with_person if holds(one)])
              for text, holds in of_people.items()]
    return [Note(text, names, list(dict.fromkeys(one.curve for one in of))) for text, names, of in found if of]


def video_keys(one):
    """By what a curve's video is known again: its name, and its content."""
    content = one.about.get("fingerprint")
    return {one.video} | ({("content", content)} if isinstance(content, str) else set())


def person_of(one):
    """How a note names a person in a curve."""
    return "%s, person %d" % (one.curve, one.person)


def without_partner(participants, keys, people, rows):
    """Notes of people who are in no row of participants, and of rows that are nobody's."""
    alone = dict.fromkeys(person_of(one) if "person" in keys else one.curve
                          for one, row in zip(people, rows) if row is None)
    spare = [i for i in range(len(participants.rows)) if i not in rows]
    return [Note(text, list(of)) for text, of in (
        ("in no row of %s" % participants.path, alone),
        ("in %s, but in no video" % participants.path, [
            "line %d (%s)" % (participants.lines[i], ", ".join(participants.texts(name)[i] for name in keys.values()))
            for i in spare])) if of]


def write_study(folder: Path, table: StudyTable, settings: dict[str, Any]) -> list[Path]:
    """Write the study into `folder`, in the place of an earlier one. Returns the paths of its files.

    settings: what else study.about.json says, a dict ready for JSON.
    """
    for name in MADE:
        with contextlib.suppress(FileNotFoundError):
            (folder / name).unlink()
    write_csv(folder / "study.csv", list(table.columns), zip(*table.columns.values()))
    with contextlib.suppress(ImportError):
        write_parquet(folder / "study.parquet", table.columns)
    about = dict(notice=notice(table.origin), origin=as_dict(table.origin), **settings,
                 notes={note.text: note.of for note in table.notes})
    with replacing(folder / "study.about.json") as partial:
        partial.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return [folder / name for name in MADE if (folder / name).exists()]


def write_parquet(path: Path, columns: dict[str, list]) -> None:
    """Write columns, equally long, as a Parquet file. Raises ImportError where pyarrow is missing."""
    import pyarrow
    import pyarrow.parquet
    arrays = {name: pyarrow.array(values) for name, values in columns.items()}
    for name, array in arrays.items():
        if pyarrow.types.is_null(array.type):  # nothing is known in any row
            arrays[name] = array.cast(pyarrow.float64())
    with replacing(path) as partial:
        pyarrow.parquet.write_table(pyarrow.table(arrays), str(partial))
