"""What a sweep came to: written a row a subject and seed, read back, and summed up over both.

    <sweep>_subjects.csv           COLUMNS; setting: of the solver, prototxt; chosen_by: the metric by which it was
                                   chosen in the subject's fold, or nothing where all are compared
    <sweep>_subjects.origin.json   what the nets have learned from

What is trivial to predict is there as well, without start and seed.
"""
from __future__ import annotations

from pathlib import Path
from typing import Iterable, NamedTuple

import numpy as np

from pain.errors import Problem
from pain.evaluation.frames import Result
from pain.evaluation.metrics import title
from pain.evaluation.results import read_result
from pain.evaluation.seeds import note_of, subject_figures, tables_of
from pain.evaluation.trivial import trivial_results
from pain.files import or_none, read_csv
from pain.provenance import merged, read_origin, write_csv_with_origin
from pain.tables import Table
from pain.variants import METRICS, title_of

KEYS = "variant", "start", "setting", "chosen_by"  # what tells rows of a sweep's tables from each other
COLUMNS = (*KEYS, "seed", "subject", *METRICS)
END = "_subjects.csv"
MOST = 1e6  # no figure of intensities is as large
STARTS = {"scratch": "from scratch", "frozen": "trunk frozen", "finetuned": "fine-tuned"}


class Swept(NamedTuple):
    """A sweep that is done."""

    name: str
    values: dict[str, np.ndarray]  # {what to call a row: METRICS of every seed and subject, (R, S, M)}
    measured: int  # how many of these are not trivial; they are the first
    tables: tuple[Table, Table]  # of the rows, and of every two rows' difference


def write_swept(path: Path, predicted: Iterable[tuple[tuple, int, Path]]) -> None:
    """Write the <sweep>_subjects.csv of predictions. predicted: KEYS' values, seed and predictions.csv of each fold."""
    rows, videos, origins = [], {}, []
    for keys, seed, file in predicted:
        result = read_result(file)
        rows += [(*keys, seed, *row) for row in of_subjects(result)]
        videos.update((video[:2], video) for video in result.videos)  # the labels are those of every row
        origins.append(read_origin(file))
    for trivial in trivial_results([[result._replace(videos=list(videos.values()))]]):
        rows += [(trivial.name, "", "", "", "", *row) for row in of_subjects(trivial)]
    write_csv_with_origin(path, COLUMNS, map(or_none, rows), merged(origins))


def of_subjects(result: Result) -> list[tuple]:
    """Each of a result's subjects with its METRICS."""
    subjects = dict.fromkeys(video.subject for video in result.videos)
    return [(subject, *map(float, figures)) for subject, figures in zip(subjects, subject_figures(result))]


def read_swept(path: Path) -> Swept:
    """Read a <sweep>_subjects.csv. Raises Problem for anything else."""
    if not path.name.endswith(END):
        raise Problem("%s: not a sweep's; name the ...%s that tools/sweep.py made" % (path, END))
    rows = {}
    for row in read_csv(path, COLUMNS, "tools/sweep.py"):
        if row["chosen_by"]:
            row["setting"] = ""
            if row["chosen_by"] not in METRICS:
                raise Problem("%s: chosen_by %s: there are %s" % (path, row["chosen_by"], ", ".join(METRICS)))
        rows.setdefault(tuple(row[key] for key in KEYS), {}).setdefault(row["seed"], {})[row["subject"]] = row
    measured = [keys for keys in rows if keys[1]]
    if not measured or len({tuple(rows[keys]) for keys in measured}) > 1:
        raise Problem("%s: not every row has the same seeds; make it again with `tools/sweep.py`" % path)
    subjects = sorted({subject for seeds in rows.values() for there in seeds.values() for subject in there})
    names, alike = names_of(measured)
    trivial = [keys for keys in rows if not keys[1]]
    names += [keys[0] for keys in trivial]
    values = {name: np.array([[figures(path, there.get(subject)) for subject in subjects]
                              for there in rows[keys].values()]) for name, keys in zip(names, measured + trivial)}
    note = note_of(values[names[0]], read_origin(path).data)
    if any(keys[3] for keys in measured):
        note += " Each fold's setting was chosen by its training subjects alone."
    name = path.name[:-len(END)]
    tables = tables_of((name, name + "_differences"), alike or "Every row", values, note)
    return Swept(name, values, len(measured), tables)


def figures(path, row):
    """METRICS of a row of the file, NaN where nothing stands. Raises Problem where there is no such row, or number."""
    try:
        values = [float(row[metric] or "nan") for metric in METRICS]
        if any(abs(value) > MOST for value in values):
            raise ValueError
        return values
    except (TypeError, ValueError):
        raise Problem("%s: not every seed has every subject's figures; make it again with `tools/sweep.py`"
                      % path) from None


def names_of(rows):
    """What to call each of the rows, KEYS' values: by what tells them apart. Returns that, and what all are called."""
    words = [[title_of(variant), STARTS.get(start, start), setting, chosen_by and "chosen by " + title(chosen_by)]
             for variant, start, setting, chosen_by in rows]
    alike = [len(set(column)) == 1 for column in zip(*words)]
    if all(alike):  # there is but one row
        alike[0] = False
    return ([", ".join(word for word, same in zip(row, alike) if word and not same) for row in words],
            ", ".join(word for word, same in zip(words[0], alike) if word and same))
