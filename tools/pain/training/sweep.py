"""A sweep: variants trained with several seeds and settings, all compared, or in every fold the best one chosen.

    <out>/<setting>/seed-1/prototxt, models/<variant>/NN-subject/     as train.py and predict.py make them
    <out>/inner/NN-subject/                  with `choose`: folds of that fold's training subjects alone
    <out>/<setting>/seed-1/inner/NN-subject/<variant>/NN-of-M/        by which its setting is chosen
"""
from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pain.datasets.inner_folds import inner_folds
from pain.errors import Problem, needed_for
from pain.evaluation.metrics import ERRORS, title
from pain.evaluation.results import read_result
from pain.evaluation.seeds import estimates, subject_figures
from pain.tables import Column, Table
from pain.training.caffe_train import train
from pain.training.fold_trainings import fold_training
from pain.training.predictions import predict_folds
from pain.training.transfer import write_prototxt
from pain.variants import METRICS, title_of

FIELDS = {"variants": list, "seeds": list, "settings": dict, "folds": list, "choose": str, "groups": int}


class Grid(NamedTuple):
    """What is swept, as grid.yaml has it. settings: of the solver, texts of prototxt, one a combination; folds: their
    numbers, or None for all; choose: one of METRICS, or None to compare all; groups: of training subjects, left out in
    turn to choose by.
    """

    variants: list
    seeds: list
    settings: list
    folds: list | None = None
    choose: str | None = None
    groups: int = 3


def read_grid(path: Path) -> Grid:
    """Read a grid.yaml. Raises Problem for what it cannot say, and where PyYAML is missing."""
    with needed_for("tools/sweep.py"):
        import yaml
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Problem("%s: no YAML text: %s" % (path, error)) from error
    said = said if isinstance(said, dict) else {}
    for name, value in said.items():
        if name not in FIELDS:
            raise Problem("%s: %s: there are %s" % (path, name, ", ".join(FIELDS)))
        if not isinstance(value, FIELDS[name]) or not value:
            raise Problem("%s: %s: takes a %s" % (path, name, {list: "list", dict: "field and list a line",
                                                              str: "metric", int: "number"}[FIELDS[name]]))
    settings = said.get("settings", {})
    if not all(isinstance(values, list) and values for values in settings.values()):
        raise Problem("%s: settings: each takes a list of values" % path)
    if not said.get("variants") or not all(type(seed) is int and seed > 0 for seed in said.get("seeds", [1])):
        raise Problem("%s: variants: takes a list of names, seeds: of numbers, 1 or more" % path)
    if said.get("choose", METRICS[0]) not in METRICS or said.get("groups", 2) < 2:
        raise Problem("%s: choose: takes %s; groups: 2 or more" % (path, ", ".join(METRICS)))
    combinations = [" ".join("%s: %s" % (field, json.dumps(value)) for field, value in zip(settings, values))
                    for values in itertools.product(*settings.values())]
    return Grid(**dict(said, settings=combinations, seeds=said.get("seeds", [1])))


class Sweep:
    """A Grid on `folds`, a list of folders. prototxt: the folder of nets and solvers; weights: a caffemodel or None."""

    def __init__(self, grid, folds, prototxt, weights, out):
        self.grid, self.weights, self.out, self.prototxt = grid, weights, Path(out), Path(prototxt)
        self.all_folds, self.written = folds, set()
        self.folds = [fold for fold in folds if not grid.folds or int(fold.name.split("-")[0]) in grid.folds]
        if not self.folds:
            raise Problem("folds: none of these numbers; there are %s to %s"
                          % (folds[0].name.split("-")[0], folds[-1].name.split("-")[0]))

    def solver(self, variant, setting, seed):
        """The solver of a run, and the folder that the run has; its prototxts are written."""
        folder = self.out / (re.sub(r"\W+", "_", setting.replace(".", "p")).strip("_") or "as_it_is") / (
            "seed-%d" % seed)
        if folder not in self.written:
            write_prototxt(self.prototxt, folder / "prototxt", seed, False, setting)
            self.written.add(folder)
        return folder / "prototxt" / "solvers" / (variant + ".prototxt"), folder

    def outer(self, variant, setting, seed, fold):
        """The Training of a fold."""
        solver, folder = self.solver(variant, setting, seed)
        return fold_training(solver, fold, folder / "models", self.weights)

    def inner(self, variant, setting, seed, fold):
        """The Trainings of the folds within a fold."""
        solver, folder = self.solver(variant, setting, seed)
        return [fold_training(solver, within, folder / "inner" / fold.name, self.weights) for within in inner_folds(
            fold, self.all_folds, self.grid.groups, self.out / "inner" / fold.name)]

    def runs(self):
        """{(variant, setting, seed): a Training a fold}, or with `choose` {(variant, None, seed): of chosen settings}.
        """
        pairs = list(itertools.product(self.grid.variants, self.grid.seeds))
        if not self.grid.choose:
            return {(variant, setting, seed): [self.outer(variant, setting, seed, fold) for fold in self.folds]
                    for (variant, seed), setting in itertools.product(pairs, self.grid.settings)}
        return {(variant, None, seed): [self.outer(variant, self.chosen(variant, seed, fold), seed, fold)
                                        for fold in self.folds] for variant, seed in pairs}

    def chosen(self, variant, seed, fold):
        """The setting that is best for those whom a fold trains on, each left out in turn."""
        metric = self.grid.choose
        means = []
        for setting in self.grid.settings:
            figures = figures_of(self.inner(variant, setting, seed, fold))[:, METRICS.index(metric)]
            means.append(np.nanmean(figures) if not np.isnan(figures).all() else np.nan)
        signed = np.array(means) * (-1 if metric in ERRORS else 1)
        return self.grid.settings[int(np.argmax(np.nan_to_num(signed, nan=-np.inf)))]

    def see_through(self, caffe="caffe", gpu=None, where=None):
        """Train and predict what is not there yet. Returns the table of all runs, and that of every subject's figures.
        """
        if self.grid.choose:
            inner = [training for variant, setting, seed, fold in itertools.product(
                self.grid.variants, self.grid.settings, self.grid.seeds, self.folds)
                for training in self.inner(variant, setting, seed, fold)]
            train(inner, caffe, gpu, where, "%d trainings to choose by" % len(inner))
            predict_folds(inner, gpu, where)
        runs = self.runs()
        every = [training for trainings in runs.values() for training in trainings]
        train(every, caffe, gpu, where, "%d trainings" % len(every))
        predict_folds(every, gpu, where)
        return make_tables(self.grid, runs)


def figures_of(trainings):
    """METRICS of each subject whom these trainings predict, (S, M)."""
    return np.concatenate([subject_figures(read_result(training.folder / "predictions.csv")) for training in trainings])


def make_tables(grid, runs):
    """The tables of see_through(). runs: Sweep.runs()."""
    figures = [Column(name, title(name), interval=True) for name in METRICS]
    rows, tidy = [], []
    for variant, setting in dict.fromkeys((variant, setting) for variant, setting, _ in runs):
        values = np.stack([figures_of(runs[variant, setting, seed]) for seed in grid.seeds])
        rows.append([title_of(variant), setting if setting is not None else "chosen by " + grid.choose.upper(),
                     *estimates(values)])
    for (variant, _, seed), trainings in runs.items():
        for training in trainings:
            setting = training.folder.parents[3].name
            result = read_result(training.folder / "predictions.csv")
            for subject, of_subject in zip(dict.fromkeys(video.subject for video in result.videos),
                                           subject_figures(result)):
                tidy.append([variant, setting, str(seed), subject, *map(float, of_subject)])
    note = "Means over %d subjects and %d seeds; 95 %% intervals over both." % (values.shape[1], values.shape[0])
    if grid.choose:
        note += " Settings were chosen in every fold by its training subjects, left out in %d groups." % grid.groups
    keys = [Column(name, name) for name in ("variant", "setting")]
    return (Table("sweep", "Every variant and setting", keys + figures, rows, note),
            Table("subjects", "Every subject", [*keys, Column("seed", "seed"), Column("subject", "subject"),
                                                *(Column(name, title(name)) for name in METRICS)], tidy, note))
