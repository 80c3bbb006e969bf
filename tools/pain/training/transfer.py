"""The experiment whether fine-tuning from a verification trunk helps: arms, seeds, tables."""
import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
from caffe.proto import caffe_pb2
from google.protobuf import text_format

from pain.errors import Problem
from pain.evaluation.metrics import title
from pain.evaluation.results import read_result
from pain.evaluation.seeds import estimates, subject_figures
from pain.evaluation.trivial import all_zeros
from pain.files import replacing
from pain.notice import learned_from
from pain.prototxts import read_prototxt, seeded, with_changes
from pain.provenance import read_origin
from pain.tables import Column, Table
from pain.training.caffe_train import train
from pain.training.facenet2expnet import STUDENT, two_stages
from pain.training.fold_trainings import fold_training
from pain.training.predictions import predict_folds
from pain.variants import METHOD, METRICS, title_of

STARTS = {"scratch": "from scratch", "frozen": "trunk frozen", "finetuned": "fine-tuned"}


class Arm(NamedTuple):
    """What is trained: starts are compared in the whole METHOD, variants fine-tuned."""

    start: str  # a key of STARTS, or "taught": a smaller trunk by the weights' (facenet2expnet.py)
    variant: str  # its name


def freeze(net, trunk):
    """Let the net's layers that `trunk` has as well keep their weights, in place. Both: caffe_pb2.NetParameter.

    Caffe then takes no gradient through them at all.
    """
    blobs = {layer.name: {"Convolution": 2, "PReLU": 1}.get(layer.type, 0) for layer in trunk.layer}
    for layer in net.layer:
        if blobs.get(layer.name):
            del layer.param[:]
            for _ in range(blobs[layer.name]):
                layer.param.add(lr_mult=0, decay_mult=0)


def write_prototxt(source, out, seed, frozen, changes=""):
    """Copy the folder of prototxts `source` to `out` with this seed, the pain net's trunk frozen or not.

    changes: prototxt to set in the solvers.
    """
    trunk = read_prototxt(source / "face_verification.prototxt", caffe_pb2.NetParameter())
    messages = {path: with_changes(read_prototxt(path, caffe_pb2.SolverParameter()), changes, "settings")
                for path in sorted((source / "solvers").glob("*.prototxt"))}
    for path in sorted({source / Path(solver.net).name for solver in messages.values()}):
        messages[path] = read_prototxt(path, caffe_pb2.NetParameter())
    for path, message in messages.items():
        seeded(message, seed)
        if frozen and path.stem == "pain_regression":
            freeze(message, trunk)
        target = out / path.relative_to(source)
        text = text_format.MessageToString(message)
        if not target.exists() or target.read_text() != text:
            with replacing(target) as partial:
                partial.write_text(text)


def trainings_of(arm, seed, folds, prototxt, weights, out):
    """The Trainings of an arm with a seed, one a fold; their prototxts are written."""
    folder = out / arm.start / ("seed-%d" % seed)
    write_prototxt(prototxt, folder / "prototxt", seed, arm.start == "frozen")
    solver = folder / "prototxt" / "solvers" / (arm.variant + ".prototxt")
    return [fold_training(solver, fold, folder / "models", None if arm.start == "scratch" else weights)
            for fold in folds]


def name_of(arm, variants):
    """What to call an arm in a table: its start, or among `variants` its variant."""
    return title_of(arm.variant) if variants else STARTS[arm.start]


def make_tables(values, zeros, iterations):
    """The tables of starts, of variants, and of their differences. values: {Arm: (R, S, M)}; zeros: (S, M)."""
    starts = [arm for arm in values if arm.variant == METHOD.name]
    variants = [arm for arm in values if arm.start in ("finetuned", "taught")]
    note = "Means over %d subjects and %d seeds, %d iterations; 95 %% intervals over both." % (
        *reversed(next(iter(values.values())).shape[:2]), iterations)
    figures = [Column(name, title(name), interval=True) for name in METRICS]
    trivial = ["all zeros", *estimates(zeros[None])]

    def table(name, heading, arms):
        rows = [[name_of(arm, name == "variants"), *estimates(values[arm])] for arm in arms]
        return Table(name, heading, [Column(name, "")] + figures, rows + [trivial], note)

    rows = [["%s - %s" % (name_of(a, few is variants), name_of(b, few is variants)), *estimates(values[a] - values[b])]
            for few, pairs in ((starts, [(a, b) for i, b in enumerate(starts) for a in starts[i + 1:]]),
                               (variants, [(a, b) for a in variants for b in variants
                                           if b.variant == METHOD.name and a != b]))
            for a, b in pairs]
    return [table("starts", "Where the trunk starts: %s" % METHOD.title, starts),
            table("variants", "What the losses and the sampling do, fine-tuned", variants),
            Table("differences", "Differences, the first less the second", [Column("pair", "")] + figures, rows, note)]


def transfer(folds, prototxt, weights, out, seeds=3, variants=True, caffe="caffe", gpu=None, where=None):
    """Train and predict every arm, fold and seed that is not there yet. Returns make_tables()' tables.

    folds: list of folders; prototxt: the folder of the nets and solvers; weights: the trunk's caffemodel.
    Raises Problem as training and prediction do.
    """
    out, prototxt = Path(out), Path(prototxt)
    if not (prototxt / "solvers").is_dir():
        raise Problem("%s: no solvers in it; name a folder like prototxt/" % prototxt)
    others = sorted(path.stem for path in (prototxt / "solvers").glob("*.prototxt")
                    if path.stem != METHOD.name and "/pain_regression.prototxt" in path.read_text())
    arms = [Arm(start, METHOD.name) for start in STARTS]
    if variants:
        arms += [*(Arm("finetuned", variant) for variant in others), Arm("taught", STUDENT)]
    runs, teaching = {}, []
    for arm, seed in itertools.product(arms, range(1, seeds + 1)):
        runs[arm, seed] = trainings_of(arm, seed, folds, prototxt, weights, out)
        if arm.start == "taught":
            first, runs[arm, seed] = two_stages(runs[arm, seed], weights)
            teaching += first
    every = [training for trainings in runs.values() for training in trainings]
    if teaching:
        train(teaching, caffe, gpu, where, "%d trainings that teach" % len(teaching))
    train(every, caffe, gpu, where, "%d trainings" % len(every))
    predict_folds(every, gpu, where)
    results = {key: read_result(trainings[0].folder.parent) for key, trainings in runs.items()}
    values = {arm: np.stack([subject_figures(results[arm, seed]) for seed in range(1, seeds + 1)]) for arm in arms}
    made = make_tables(values, subject_figures(all_zeros(next(iter(results.values())))), every[0].max_iter)
    data = learned_from(read_origin(every[0].data / "train.txt").data)
    return [table._replace(note="%s Trained and tested on %s." % (table.note, data)) for table in made]
