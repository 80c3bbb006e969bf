"""What a training is made with: a record beside its snapshots, so that a change since then does not go unnoticed.

    models/<variant>/NN-subject/made_with.json    the texts of solver and net, and the hash of the weights it began with
"""
from __future__ import annotations

import json
from pathlib import Path

from caffe.proto import caffe_pb2

from pain.errors import Problem
from pain.files import read_json, replacing, sha256
from pain.prototxts import parse

RECORD = "made_with.json"
# Fields of a solver that say where and how often something is told or kept, and nothing of what is learned.
BESIDES = {"net", "snapshot", "snapshot_prefix", "snapshot_format", "snapshot_after_train", "snapshot_diff", "display",
           "average_loss", "debug_info", "solver_mode", "device_id", "test_iter", "test_interval", "test_compute_loss",
           "test_initialization"}


def ingredients(solver: Path, net: Path, weights: str | Path | None) -> dict:
    """What a training with these files is made with, ready for JSON. weights: a caffemodel or None.

    The net's text is "" where there is no such file, and the weights' hash None: Caffe itself will say so if it needs
    them. From scratch it is "".
    """
    start = "" if weights is None else sha256(weights) if Path(weights).is_file() else None
    return {"solver": solver.read_text(), "net": net.read_text() if net.is_file() else "", "weights": start}


def write_record(folder: Path, made_with: dict) -> None:
    """Write the record of a training that begins in `folder`."""
    with replacing(folder / RECORD) as partial:
        partial.write_text(json.dumps(made_with, indent=1) + "\n")


def refuse_changes(folder: Path, made_with: dict, iteration: int) -> None:
    """Raise Problem if the training in `folder`, now at `iteration`, was made with something else.

    Without a record nothing is known. Comments and blanks are no change, nor is another max_iter that is still ahead,
    unless the learning rate depends on it.
    """
    try:
        before = read_json(folder / RECORD)
        changed = (changed_fields(before["solver"], made_with["solver"], iteration)
                   + ["net"] * (message(before["net"], caffe_pb2.NetParameter)
                                != message(made_with["net"], caffe_pb2.NetParameter))
                   + ["weights"] * (made_with["weights"] not in (before["weights"], None)))
    except (OSError, ValueError, KeyError, TypeError, Problem):
        return
    if changed:
        raise Problem("%s: was trained with another %s; remove the folder to train anew, or name another for what is "
                      "trained now" % (folder, ", ".join(changed)))


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
