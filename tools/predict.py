"""Predict every fold's left-out subject with the fold's last snapshot: val_lmdb -> predictions.csv.

    models/<variant>/NN-subject/predictions.csv    subject, video, frame, label 0..5, prediction 0..5

Run by the Python of the caffe that is to do it, after tools/train.py. A fold's predictions that are newer than its
snapshot are left as they are.
"""
import contextlib
import os
from pathlib import Path

import lmdb
import numpy as np
from tqdm import tqdm

from check_weights import caffe, caffe_pb2, load_net  # which loads caffe without its account of every layer
from cli import Parser, Problem, run, write_csv
from google.protobuf.message import DecodeError
from results import COLUMNS
from make_folds import open_lmdb, read_list
from train import fold_training, select_folds


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
        with open_lmdb(path) as transaction:
            stored = [caffe_pb2.Datum.FromString(bytes(value)).label for _, value in transaction.cursor()]
    except (lmdb.Error, DecodeError) as error:
        raise Problem("%s: damaged (%s); remove %s and run `make folds`" % (path, error, path.parent))
    if stored != labels:
        raise Problem("%s: not the %d frames of val.txt; remove %s and run `make folds`"
                      % (path, len(names), path.parent))


def predict(training, iteration):
    """Predict the fold's frames by its snapshot of this iteration.

    Returns the predictions, (N,) float64 in 0..5, and val.txt's names and labels, N of each.
    training: train.Training. Raises Problem when the data or the snapshot is damaged or of something else.
    """
    names, labels = read_list(training.data / "val.txt")
    check_lmdb(training.data / "val_lmdb", names, labels)
    training.link()
    with working_directory(training.folder):
        net = load_net(training.net, training.snapshot(iteration, "caffemodel"))
        predictions = []
        while len(predictions) < len(names):
            predictions.extend(net.forward()["intensity"].ravel().astype(float))
    return np.array(predictions[:len(names)]), names, labels


def predict_fold(training):
    """Write the fold's predictions.csv unless it is newer than the last snapshot. Returns that snapshot's iteration.

    Raises Problem if there is no snapshot.
    """
    iteration = training.last_snapshot()
    if not iteration:
        raise Problem("%s: no snapshot; train the fold with `make train`" % training.folder)
    out, model = training.folder / "predictions.csv", training.folder / training.snapshot(iteration, "caffemodel")
    if not out.exists() or out.stat().st_mtime < model.stat().st_mtime:
        predictions, names, labels = predict(training, iteration)
        write_csv(out, COLUMNS, [(*Path(name).with_suffix("").parts, label, "%.6f" % prediction)
                                 for name, label, prediction in zip(names, labels, predictions)])
    return iteration


def use_gpu(number):
    """Have nets run on this GPU. Raises Problem when there is none."""
    try:
        caffe.set_device(number)
        caffe.set_mode_gpu()
    except RuntimeError as error:
        raise Problem("--gpu %d: %s" % (number, error))


def main():
    parser = Parser(__doc__)
    parser.add_argument("solver", help="the solver that trained them: prototxt/solvers/<variant>.prototxt")
    parser.add_argument("--folds", default="data/folds", help="where `make folds` put them (default: %(default)s)")
    parser.add_argument("--models", default="models", help="where training put them (default: %(default)s)")
    parser.add_argument("--fold", type=int, help="only the fold of this number (default: all)")
    parser.add_argument("--gpu", type=int, help="the GPU to predict on (default: the CPU)")
    args = parser.parse_args()
    if args.gpu is not None:
        use_gpu(args.gpu)
    trainings = [fold_training(args.solver, fold, args.models) for fold in select_folds(args.folds, args.fold)]
    for training in tqdm(trainings, unit="fold", desc="predict"):
        iteration = predict_fold(training)
        if iteration < training.max_iter:
            tqdm.write("%s: only trained to iteration %d of %d" % (training.folder, iteration, training.max_iter))


if __name__ == "__main__":
    run(main)
