"""Whom a fold leaves out, predicted by its last snapshot."""
import contextlib
import os
from pathlib import Path

import numpy as np
from caffe.proto import caffe_pb2
from google.protobuf.message import DecodeError

from pain.datasets.lmdbs import key, open_lmdb, read_list
from pain.errors import Problem
from pain.evaluation.results import COLUMNS
from pain.files import read_csv, write_csv
from pain.nets import finite, load_net
from pain.provenance import read_origin, write_origin
from pain.training.made_with import refuse_changes


@contextlib.contextmanager
def working_directory(folder):
    """Be in `folder` for a while: a net's LMDBs are named relative to its fold."""
    before = os.getcwd()
    os.chdir(str(folder))
    try:
        yield
    finally:
        os.chdir(before)


def check_lmdb(path, names, labels):
    """Raise Problem unless the LMDB holds a readable Datum of each label, in order.

    Caffe itself ends the process when it cannot read one.
    """
    try:
        with open_lmdb(path) as database:
            stored = [(name, caffe_pb2.Datum.FromString(value).label) for name, value in database.records()]
    except DecodeError as error:
        raise Problem("%s: damaged (%s); remove %s and run `make folds`" % (path, error, path.parent)) from error
    if stored != [(key(i, name), label) for i, (name, label) in enumerate(zip(names, labels))]:
        raise Problem("%s: not the %d frames of val.txt; remove %s and run `make folds`"
                      % (path, len(names), path.parent))


def predict(training, iteration):
    """Predict the fold's frames by its snapshot of this iteration.

    Returns the predictions, (N,) float64, and val.txt's names and labels, N of each.
    training: caffe_train.Training. Raises Problem when the data or the snapshot is damaged or of something else.
    """
    names, labels = read_list(training.data / "val.txt")
    check_lmdb(training.data / "val_lmdb", names, labels)
    training.link()
    with working_directory(training.folder):
        net = load_net(training.net, training.snapshot(iteration, "caffemodel"), training.stages)
        predictions = []
        while len(predictions) < len(names):
            predictions.extend(net.forward()["intensity"].ravel().astype(float))
    return finite(np.array(predictions[:len(names)]), training.snapshot(iteration, "caffemodel")), names, labels


def is_current(out, model, training):
    """Whether the predictions in `out` are by this caffemodel, of the frames and labels that the fold has now."""
    names, labels = read_list(training.data / "val.txt")
    try:
        rows = read_csv(out, COLUMNS, "make predict")
    except Problem:
        return False
    frames = [tuple(row[column] for column in COLUMNS[:4]) for row in rows]
    return out.stat().st_mtime >= model.stat().st_mtime and frames == list(identified(names, labels))


def identified(names, labels):
    """The first four of COLUMNS of each frame."""
    return ((*Path(name).with_suffix("").parts, str(label)) for name, label in zip(names, labels))


def predict_fold(training):
    """Write the fold's predictions.csv unless it is current. Returns the iteration of the snapshot that predicts.

    Raises Problem if there is no snapshot, or if net or data have changed since.
    """
    iteration = training.last_snapshot()
    if not iteration:
        raise Problem("%s: no snapshot; train the fold with `make train`" % training.folder)
    refuse_changes(training.folder, training.made_with(), iteration, of=("net", "data"))
    out, model = training.folder / "predictions.csv", training.folder / training.snapshot(iteration, "caffemodel")
    if not is_current(out, model, training):
        predictions, names, labels = predict(training, iteration)
        write_csv(out, COLUMNS, [(*frame, "%.6f" % prediction)
                                 for frame, prediction in zip(identified(names, labels), predictions)])
        write_origin(out, read_origin(model))
    return iteration
