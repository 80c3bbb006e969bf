"""What a training is made with: a record beside its snapshots, so that a change since then does not go unnoticed.

    models/<variant>/NN-subject/made_with.json    the texts of solver and net, the hash of the weights it began with,
                                                  and of what says which data it learns from
"""
from __future__ import annotations

import json
from pathlib import Path
from typing import Sequence

from caffe.proto import caffe_pb2

from pain.errors import Problem
from pain.files import read_json, replacing, sha256
from pain.prototxts import parse

RECORD = "made_with.json"
PARTS = "solver", "net", "weights", "data"
ABOUT_DATA = "fold.json", "train.txt", "val.txt"  # beside the LMDBs: what they were made from, and what is in them
# Fields of a solver that say where and how often something is told or kept, and nothing of what is learned.
BESIDES = {"net", "snapshot", "snapshot_prefix", "snapshot_format", "snapshot_after_train", "snapshot_diff", "display",
           "average_loss", "debug_info", "solver_mode", "device_id", "test_iter", "test_interval", "test_compute_loss",
           "test_initialization"}


def ingredients(solver: Path, net: Path, weights: str | Path | None, data: Path) -> dict:
    """What a training with these files is made with, ready for JSON. weights: a caffemodel or None; data: a folder.

    The net's text is "" where there is no such file, and the weights' hash None: Caffe itself will say so if it needs
    them. From scratch it is "".
    """
    start = "" if weights is None else sha256(weights) if Path(weights).is_file() else None
    return {"solver": solver.read_text(), "net": net.read_text() if net.is_file() else "", "weights": start,
            "data": {name: sha256(data / name) for name in ABOUT_DATA if (data / name).is_file()}}


def write_record(folder: Path, made_with: dict) -> None:
    """Write the record of a training that begins in `folder`."""
    with replacing(folder / RECORD) as partial:
        partial.write_text(json.dumps(made_with, indent=1) + "\n")


def refuse_changes(folder: Path, made_with: dict, iteration: int, of: Sequence[str] = PARTS) -> None:
    """Raise Problem if the training in `folder`, now at `iteration`, was made with something else than ingredients().

    of: the parts of them that count. Without a record nothing is known. Comments and blanks are no change, nor is
    another max_iter that is still ahead, unless the learning rate depends on it.
    """
    try:
        before = read_json(folder / RECORD)
        changed = {"solver": changed_fields(before["solver"], made_with["solver"], iteration),
                   "net": ["net"] * (message(before["net"], caffe_pb2.NetParameter)
                                     != message(made_with["net"], caffe_pb2.NetParameter)),
                   "weights": ["weights"] * (made_with["weights"] not in (before["weights"], None)),
                   "data": ["data"] * (made_with["data"] != before.get("data", made_with["data"]))}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, Problem):
        return
    said = [name for part in of for name in changed[part]]
    if said:
        raise Problem("%s: was trained with another %s; remove the folder to train anew, or name another for what is "
                      "trained now" % (folder, ", ".join(said)))


def message(text, kind):
    """The protobuf message of a prototxt."""
    return parse(text, kind(), RECORD)


def changed_fields(before, now, iteration):
    """The names of the fields in which two texts of solvers differ in what is learned, from `iteration` on, too."""
    before, now = (message(text, caffe_pb2.SolverParameter) for text in (before, now))
    names = {field.name for solver in (before, now) for field, _ in solver.ListFields()} - BESIDES
    changed = {name for name in names if getattr(before, name) != getattr(now, name)}
    if now.lr_policy != "poly":
        changed.discard("max_iter")
    if iteration > now.max_iter:
        changed.add("max_iter")
    return sorted(changed)
