"""A fold's net carried on over time: an LSTM on the features that it has of every frame."""
import contextlib
import io
import json
import os
import zipfile
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from caffe.proto import caffe_pb2
from google.protobuf import text_format

from pain.datasets.folds import subjects_left_out
from pain.datasets.lmdbs import open_lmdb, read_list
from pain.errors import Problem
from pain.evaluation.results import COLUMNS
from pain.files import fingerprint, read_json, replacing
from pain.nets import load_net, use_gpu
from pain.pieces.piece import Piece
from pain.progress import progress
from pain.prototxts import read_prototxt, with_changes
from pain.provenance import read_origin, start_from, write_csv_with_origin
from pain.training.caffe_train import Training
from pain.training.made_with import refuse_changes

FEATURES = "ip1_res5"  # the pain net's blob, with its PReLU
FILE = "features.npz"  # where they are kept, beside the net
STREAMS = 8  # videos at a time
ROW = "temporal_lstm"  # of the tables


class Sequences(NamedTuple):
    """All frames of all subjects, video by video, as a fold's net has them. N frames; D features."""

    features: np.ndarray  # (N, D) float32
    label: np.ndarray  # (N,) int64
    names: np.ndarray  # (N,) str: subject/video/frame.png


def features_of(training, folds):
    """The Sequences of the net that `training`, a fold's, has made, kept in features.npz beside its snapshot.

    folds: all folds' folders; their val_lmdb hold all frames. Raises Problem if the fold is not trained, or on other
    data.
    """
    iteration = training.last_snapshot()
    if iteration < training.max_iter:
        raise Problem("%s: not trained to the end; run `make train`" % training.folder)
    refuse_changes(training.folder, training.made_with(), iteration, of=("net", "data"))
    model = training.folder / training.snapshot(iteration, "caffemodel")
    made_from, kept = fingerprint(model), training.folder / FILE
    sequences = kept_features(kept, made_from)
    if sequences:
        return sequences
    net = load_net(training.folder / training.net, model, [*training.stages, "deploy"])
    parts, labels, names = [], [], []
    for fold in progress(folds, unit="fold", desc="features of " + training.folder.name, leave=False):
        listed, of_listed = read_list(fold / "val.txt")
        parts.append(forward(net, fold / "val_lmdb", len(listed)))
        labels += of_listed
        names += listed
    sequences = Sequences(np.concatenate(parts), np.array(labels), np.array(names))
    with replacing(kept) as partial, open(str(partial), "wb") as file:
        np.savez(file, made_from=made_from, **sequences._asdict())
    return sequences


def kept_features(path, made_from):
    """The Sequences that are kept at `path`, if a net made them whose hash this is; else None."""
    with contextlib.suppress(OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):  # none, or damaged
        with np.load(str(path), allow_pickle=False) as arrays:
            if str(arrays["made_from"]) == made_from:
                return Sequences(arrays["features"], arrays["label"], arrays["names"])
    return None


class FoldFeatures(Piece):
    """features_of() a fold as a piece."""

    unit = "fold"

    def __init__(self, training, folds, gpu=None):
        super().__init__(str(training.folder), [training.solver, *(fold / "val_lmdb/data.mdb" for fold in folds)],
                         [training.folder / FILE], gpu=gpu)
        self.training, self.folds = training, folds

    def done(self):
        model = self.training.folder / self.training.snapshot(self.training.last_snapshot(), "caffemodel")
        return int(model.exists() and kept_features(self.outputs[0], fingerprint(model)) is not None)

    def prepare(self):
        iteration = self.training.last_snapshot()
        refuse_changes(self.training.folder, self.training.made_with(), iteration, of=("net", "data"))
        return self.done()

    def run(self, means):
        if self.gpu is not None:
            use_gpu(self.gpu)
        features_of(self.training, self.folds)
        means.update(1)


class FoldPredictions(Piece):
    """predict_temporal() of a fold as a piece. base: the Training on whose features the LSTM's is."""

    unit = "fold"

    def __init__(self, training, base, folds, gpu=None):
        super().__init__(str(training.folder), [training.solver, base.folder / FILE],
                         [training.folder / "predictions.csv"], gpu=gpu)
        self.training, self.base, self.folds = training, base, folds

    def done(self):
        model = self.training.files(self.training.last_snapshot())[0]
        return int(self.outputs[0].exists() and self.outputs[0].stat().st_mtime >= model.stat().st_mtime)

    def run(self, means):
        if self.gpu is not None:
            use_gpu(self.gpu)
        predict_temporal(self.training, self.base, features_of(self.base, self.folds))
        means.update(1)


def forward(net, lmdb, count, batch=64):
    """The net's FEATURES of an LMDB's frames, (count, D) float32. Raises Problem when it does not hold so many."""
    with open_lmdb(lmdb) as database:
        images, parts = [], []
        for i, (_, value) in enumerate(database.records(), 1):
            datum = caffe_pb2.Datum.FromString(value)
            images.append(np.frombuffer(datum.data, np.uint8).reshape(datum.channels, datum.height, datum.width))
            if len(images) == batch or i == count:
                net.blobs["pixels"].reshape(len(images), *images[0].shape)
                net.blobs["pixels"].data[...] = images
                net.forward()
                parts.append(net.blobs[FEATURES].data.reshape(len(images), -1).copy())
                images = []
    found = sum(map(len, parts))
    if found != count:
        raise Problem("%s: %d frames, not the %d of val.txt; remove %s and run `make folds`"
                      % (lmdb, found, count, lmdb.parent))
    return np.concatenate(parts)


def videos_of(names):
    """Where each video stands among `names`, (N,) str of subject/video/frame: a list of slices, in their order."""
    videos = [name.rpartition("/")[0] for name in names]
    starts = [i for i in range(len(videos)) if i == 0 or videos[i] != videos[i - 1]]
    return [slice(*ends) for ends in zip(starts, [*starts[1:], len(videos)])]


def streams(videos, steps, seed=1):
    """Which frame each stream shows at each step, and whether a video begins there: (T, S) int and (T, S) bool.

    videos: slices of frames. S is STREAMS, or one a video where there are fewer. A video, in an order shuffled by
    `seed`, goes to the stream that is the shortest. The shorter ones begin again, until T, a multiple of `steps`.
    """
    order = np.random.RandomState(seed).permutation(len(videos))
    frames = [[] for _ in range(min(STREAMS, len(videos)))]
    for v in order:
        min(frames, key=len).extend(range(videos[v].start, videos[v].stop))
    length = -(-max(map(len, frames)) // steps) * steps
    starts = np.isin(np.arange(max(video.stop for video in videos)), [video.start for video in videos])
    shown = np.stack([np.resize(stream, length) for stream in frames], axis=1)
    return shown, starts[shown]


def temporal_training(solver_file, base, folds, models, changes=""):
    """The Training of the LSTM on what `base`, a fold's Training, has learned, all its files written.

    solver_file: prototxt/temporal_regression_solver.prototxt, whose net lies beside it; changes: prototxt to set in it.
    Raises Problem as features_of() does, and for an LSTM on another net's features.
    """
    fold = next(fold for fold in folds if fold.name == base.folder.name)
    sequences = features_of(base, folds)
    folder = Path(models) / ROW / fold.name
    solver = with_changes(read_prototxt(solver_file, caffe_pb2.SolverParameter()), changes, "--settings")
    net_file = Path(solver_file).parent / solver.net
    net = read_prototxt(net_file, caffe_pb2.NetParameter())
    steps = next(layer.hdf5_data_param.batch_size for layer in net.layer if layer.type == "HDF5Data")
    made_from = fingerprint(base.folder / base.snapshot(base.last_snapshot(), "caffemodel"))
    record = folder / "features.json"
    if record.exists() and read_record(record) != made_from:
        raise Problem("%s: on the features of another net than %s; remove the folder" % (folder, base.folder))
    folder.mkdir(parents=True, exist_ok=True)
    solver.net = os.path.relpath(str(net_file), str(folder))
    write_sequences(folder, sequences, subjects_left_out(fold), steps)
    for path, text in ((folder / "solver.prototxt", text_format.MessageToString(solver)),
                       (folder / "sequences.txt", "sequences.h5\n"), (record, json.dumps({"made_from": made_from}))):
        with replacing(path) as partial:
            partial.write_text(text)
    return Training(folder / "solver.prototxt", folder, fold, (), "make folds", name=ROW)


def read_record(path):
    """Which net's features an LSTM has learned from, a hash; None where the record is damaged."""
    try:
        return dict(read_json(path)).get("made_from")
    except (OSError, ValueError, TypeError):
        return None


def write_sequences(folder, sequences, left_out, steps):
    """Write `folder`/sequences.h5, the net's data: the frames of all subjects not in `left_out`, in streams."""
    videos = [video for video in videos_of(sequences.names)
              if sequences.names[video.start].split("/")[0] not in left_out]
    shown, begins = streams(videos, steps)
    content = io.BytesIO()  # HDF5 locks files itself, and stumbles over its own on a full disk
    with h5py.File(content, "w") as file:
        for name, values in (("features", sequences.features[shown]), ("cont", ~begins),
                             ("label", sequences.label[shown])):
            file[name] = values.astype(np.float32)
    with replacing(folder / "sequences.h5") as partial:
        partial.write_bytes(content.getvalue())


def predict_temporal(training, base, sequences):
    """Write predictions.csv of whom the fold leaves out by the LSTM."""
    model = training.folder / training.snapshot(training.last_snapshot(), "caffemodel")
    net, rows, left_out = load_net(training.folder / training.net, model), [], subjects_left_out(training.data)
    for video in videos_of(sequences.names):
        if sequences.names[video.start].split("/")[0] not in left_out:
            continue
        predicted = []
        for i, features in enumerate(sequences.features[video]):  # genuine Caffe's LSTM never changes its steps
            net.blobs["features"].data[...], net.blobs["cont"].data[...] = features, i > 0
            predicted.append(float(net.forward()["intensity"][0, 0]))
        rows += [(*Path(name).with_suffix("").parts, label, "%.6f" % value)
                 for name, label, value in zip(sequences.names[video], sequences.label[video], predicted)]
    of_frames = base.folder / base.snapshot(base.last_snapshot(), "caffemodel")
    write_csv_with_origin(training.folder / "predictions.csv", COLUMNS, rows,
                          read_origin(model)._replace(start=start_from(of_frames)))
