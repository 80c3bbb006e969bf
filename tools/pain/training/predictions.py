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
from pain.files import read_csv
from pain.locks import alone_in
from pain.nets import finite, load_net, use_gpu
from pain.pieces.piece import Piece
from pain.pieces.where import Here
from pain.provenance import read_origin, write_csv_with_origin
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


class FoldPredictions(Piece):
    """The predictions.csv of a fold by its last snapshot, as a piece. training: caffe_train.Training."""

    unit = "fold"

    def __init__(self, training, gpu=None):
        super().__init__(str(training.folder), [training.solver, *training.sources()],
                         [training.folder / "predictions.csv"], gpu=gpu)
        self.training = training

    def model(self):
        """The iteration of the last snapshot, and its caffemodel. Raises Problem if there is none."""
        iteration = self.training.last_snapshot()
        if not iteration:
            raise Problem("%s: no snapshot; train the fold with `make train`" % self.training.folder)
        return iteration, self.training.folder / self.training.snapshot(iteration, "caffemodel")

    def done(self):
        return int(is_current(self.outputs[0], self.model()[1], self.training))

    def prepare(self):
        """As done(). Raises Problem if there is no snapshot, or if net or data have changed since."""
        iteration, _ = self.model()
        refuse_changes(self.training.folder, self.training.made_with(), iteration, of=("net", "data"))
        return self.done()

    def run(self, means):
        if self.gpu is not None:
            use_gpu(self.gpu)
        with alone_in(self.training.folder):
            iteration, model = self.model()
            predictions, names, labels = predict(self.training, iteration)
            rows = [(*frame, "%.6f" % prediction)
                    for frame, prediction in zip(identified(names, labels), predictions)]
            write_csv_with_origin(self.outputs[0], COLUMNS, rows, read_origin(model))
        means.update(1)


def predict_folds(trainings, gpu=None, where=None):
    """Predict the folds that these Trainings have trained, where they are not yet: FoldPredictions, by a Where.

    Raises Problem, or Unfinished when some fail.
    """
    (where or Here()).see_through([FoldPredictions(training, gpu) for training in trainings], "predict")
