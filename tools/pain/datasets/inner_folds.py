"""Folds within a fold: its training subjects left out in turn, to choose by without whom the fold leaves out."""
from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Sequence

from pain.datasets.folds import RECORD, subjects_left_out
from pain.datasets.lmdbs import key, open_lmdb, read, read_list, write_list, write_lmdb
from pain.files import fingerprint, making, read_json
from pain.progress import progress
from pain.provenance import read_origin, write_origin


def inner_folds(fold: Path, folds: Sequence[Path], groups: int, out: Path) -> list[Path]:
    """Make, in the folder `out`, folds of what `fold` trains on, which leave out the other `folds` in so many groups.

    Returns their folders, N-of-M, each with train_lmdb, those of the fold's training frames that are of nobody in the
    group, in their order, and val_lmdb, all frames of the group. What is there already, made of the same, stays. Raises
    Problem where the folds' files are damaged.
    """
    others = [other for other in folds if other != fold]
    count, folders = min(groups, len(others)), []
    for number in range(count):
        group = others[number::count]
        folders.append(out / ("%02d-of-%d" % (number + 1, count)))
        made_from = {"fold": fingerprint(fold / "train.txt", fold / RECORD),
                     "group": fingerprint(*(other / name for other in group for name in ("val.txt", RECORD))),
                     "left_out": sorted(name for other in [fold, *group] for name in subjects_left_out(other))}
        if not is_made(folders[-1], made_from):
            make_inner(fold, group, folders[-1], made_from)
    return folders


def is_made(folder, made_from):
    """Whether the folder has an inner fold that was made from the same."""
    try:
        return read_json(folder / RECORD) == made_from
    except (OSError, ValueError):
        return False


def make_inner(fold, group, folder, made_from):
    """Make the inner fold of `fold` that leaves out the folds `group`."""
    left_out = {name for other in group for name in subjects_left_out(other)}
    with making(folder) as partial:
        copy(partial, "train", [fold], lambda name: name.split("/")[0] not in left_out)
        copy(partial, "val", group, lambda name: True)
        write_origin(partial / "train.txt", read_origin(fold / "train.txt"))
        (partial / RECORD).write_text(json.dumps(made_from, indent=1) + "\n")


def copy(to, part, folds, kept):
    """Copy the records of the folds' LMDBs whose names are kept(), one after the other. part: train or val."""
    found = [(fold / (part + "_lmdb"), i, name, label) for fold in folds
             for i, (name, label) in enumerate(zip(*read_list(fold / (part + ".txt")))) if kept(name)]

    def records():
        for lmdb, of_lmdb in itertools.groupby(found, key=lambda record: record[0]):
            with open_lmdb(lmdb) as database:
                for _, i, name, _ in of_lmdb:
                    yield name, read(database, key(i, name), lmdb)
    with progress(disable=True) as bar:
        write_lmdb(to / (part + "_lmdb"), records(), len(found), bar)
    write_list(to / (part + ".txt"), [name for _, _, name, _ in found], [label for _, _, _, label in found])
