"""People's own labels of videos, read from whatever they were made with, as one record (pain/labels/record.py).

    a table    CSV as spreadsheets write it, in all ways (pain/people_tables.py), a row a label. The label is in the
               column label, or of several raters in label_a, label_b ..., or in rows of their own, told apart by
               the column rater. Which frames it is of is said by one of
                   frame            counted from 0, or from Reading.first_frame
                   time_s, time_ms  or time, if all are clock times such as 00:01:02.500: the nearest frame
                   second           from 0: the frames within that second
                   onset, offset    or duration: the frames from the one time to before the other. With _ms they are
                                    milliseconds, else seconds or clock times
               Of several videos the column video tells which, and subject, where it is there, whose face it is
    ELAN's     .eaf, or its tab-delimited text (elan.py)
    BORIS's    events as CSV or TSV (boris.py)

Times are a player's clock, as media_time_s in curve.csv, ELAN and browsers have it.
"""
from __future__ import annotations

from pathlib import Path

import numpy as np

from pain.errors import Problem
from pain.labels import boris, elan
from pain.labels.record import AS_USUAL, FRAME, INTERVAL, TIME, Column, Labels, Reading, labels_of, rater_name
from pain.people_tables import PeopleTable, decode, parse_people_table, plain, read_bytes

VIDEO, RATER = ("video", "filename", "file"), ("rater", "coder", "annotator", "observer")
SUBJECT = "subject", "participant_id", "participant"
ONSET = "onset", "onset_s", "onset_ms", "start", "start_s", "start_ms", "begin", "begin_s", "begin_ms"
OFFSET = "offset", "offset_s", "offset_ms", "end", "end_s", "end_ms", "stop", "stop_s", "stop_ms"
DURATION = "duration", "duration_s", "duration_ms"
MOMENT = "time_s", "time_ms", "time"
KNOWN = ("label", "frame", *MOMENT, "second", *ONSET, *OFFSET, *DURATION, *VIDEO, *RATER, *SUBJECT, "behavior",
         "status", "behavior_type", "tier", "annotation",
         *(part + unit for part in (elan.START, elan.END) for unit, _ in elan.UNITS))


def read_labels(path: str | Path, reading: Reading = AS_USUAL) -> list[Labels]:
    """The labels in a file, one Labels a video and rater, in the file's order. Raises Problem naming what is none."""
    return parse_labels(read_bytes(path), path, reading)


def parse_labels(content: bytes, path: str | Path, reading: Reading = AS_USUAL) -> list[Labels]:
    """The same of a file's content. path: what to call it."""
    if str(path).lower().endswith(".eaf") or b"<ANNOTATION_DOCUMENT" in content[:4000]:
        return elan.parse_eaf(content, path, reading)
    table = parse_table(content, path)
    if boris.is_boris(table):
        return boris.labels_of_boris(table, reading)
    if elan.is_tab_delimited(table):
        return elan.labels_of_text(table, reading)
    return labels_of_table(table, reading)


def parse_table(content, path):
    """The PeopleTable in a file's content, ELAN's text without names of columns, too."""
    names = elan.names_for(decode(content, path).splitlines())
    if not names:
        return parse_people_table(content, path, KNOWN)
    table = parse_people_table(("\t".join(names) + "\n").encode() + decode(content, path).encode(), path, names)
    return table._replace(lines=table.lines - 1)


def labels_of_table(table: PeopleTable, reading: Reading) -> list[Labels]:
    """The Labels in a table that is neither ELAN's nor BORIS's."""
    columns = label_columns(table, reading)
    by, at, until, at_name, labels = numbers_of(table, columns)
    owners = list(zip(*(first_of(table, names) for names in (RATER, VIDEO, SUBJECT))))
    found, first = [], {}
    for (_, video, _), frame in zip(owners, at if by == FRAME else ()):
        first[video] = min(frame, first.get(video, frame))
    for column, values in zip(columns, labels):
        texts, groups = table.texts(column), {}
        for i, owner in enumerate(owners):
            if texts[i] or len(columns) == 1:  # of several raters each may have left some out
                groups.setdefault(owner, []).append(i)
        for (rater, video, subject), rows in groups.items():
            found.append(labels_of(
                Column(by, at[rows], None if until is None else until[rows], values[rows], table.lines[rows],
                       table.place, at_name, first.get(video)),
                table.path, reading, rater_name(rater or (column if len(columns) > 1 else "")), video, subject))
    if not found:
        raise Problem("%s: no label in any row" % table.path)
    return found


def label_columns(table, reading):
    """The names of the columns with labels: those asked for, label, or label_a and so on."""
    if reading.raters:
        return [plain(name) for name in reading.raters]
    return [name for name in table.names if name == "label"] or [
        name for name in table.names if name.startswith("label_")] or ["label"]


def numbers_of(table, columns):
    """Where labels belong and what they are: by, (N,) at, (N,) until or None, what `at` is called, a list of (N,)."""
    def first(names):
        return next(filter(table.has, names), None)

    moment = first(("frame", "time_s", "time_ms")) or (
        "time" if table.has("time") and all(":" in text for text in table.texts("time")) else first(("second", *ONSET)))
    if moment is None:
        table.texts(columns[0])  # it is the first to be missed
        raise Problem("%s: neither a column frame nor time_s, second or onset in its header; say where each label "
                      "belongs" % table.path)
    end = first((*OFFSET, *DURATION)) if moment in ONSET else None
    if moment in ONSET and end is None:
        raise Problem("%s: %s, but neither offset nor duration in its header; say where each interval ends"
                      % (table.path, moment))
    names = [*columns, moment, *([end] if end else [])]
    clocks = () if moment in ("frame", "second") else names[len(columns):]
    values = dict(zip(names, table.numbers(*names, clocks=clocks)))
    at, until = (values[name] * (1e-3 if name.endswith("_ms") else 1) if name else None for name in (moment, end))
    if moment == "second":
        at = np.where(at % 1 == 0, at, np.nan)
        until = at + 1
    elif end in DURATION:
        until = at + until
    by = FRAME if moment == "frame" else TIME if until is None else INTERVAL
    return by, at, until, moment, [values[name] for name in columns]


def first_of(table, names):
    """The texts of the first of these columns that there is, else empty ones."""
    return next((table.texts(name) for name in names if table.has(name)), [""] * len(table.rows))
