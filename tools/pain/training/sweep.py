"""A sweep: variants trained from several starts, with several seeds and settings: all compared, or the best one chosen.

    <out>/<start>/<setting>/seed-1/prototxt, models/<variant>/NN-subject/     as train.py and predict.py make them
    <out>/inner/NN-subject/                  with `choose`: folds of that fold's training subjects alone
    <out>/<start>/<setting>/seed-1/inner-NN-subject/<variant>/NN-of-M/        by which its setting is chosen

Sweeps can have one folder `out`: what one has trained, the other has, too.
"""
from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import numpy as np

from pain.datasets.inner_folds import inner_folds
from pain.errors import Problem, needed_for
from pain.evaluation.metrics import ERRORS
from pain.evaluation.results import read_result
from pain.evaluation.seeds import subject_figures
from pain.evaluation.sweeps import END, STARTS, Swept, read_swept, write_swept
from pain.training.caffe_train import train
from pain.training.facenet2expnet import STUDENT, two_stages
from pain.training.fold_trainings import fold_training
from pain.training.predictions import predict_folds
from pain.training.starts import write_prototxt
from pain.variants import METRICS

FIELDS = {"variants": list, "starts": list, "seeds": list, "settings": dict, "folds": list, "choose": str,
          "groups": int}


class Grid(NamedTuple):
    """What is swept, as grid.yaml has it. starts: of STARTS, or None for what the weights allow; settings: dicts of
    the solver's fields, one a combination; folds: their numbers, or None for all; choose: one of METRICS, or None to
    compare all; groups: of training subjects, left out in turn to choose by.
    """

    variants: list
    starts: list | None = None
    seeds: list = [1]
    settings: list = [{}]
    folds: list | None = None
    choose: str | None = None
    groups: int = 3


def read_grid(path: Path) -> Grid:
    """Read a grid.yaml. Raises Problem for what it cannot say, and where PyYAML is missing."""
    with needed_for("tools/sweep.py"):
        import yaml
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:  # a number of 5,000 digits; nested deeply
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
    for name, values in {**said, **settings}.items():
        twice = [value for value in values if values.count(value) > 1] if isinstance(values, list) else []
        if twice:
            raise Problem("%s: %s: %s is there twice" % (path, name, twice[0]))
    if not said.get("variants") or not all(isinstance(name, str) for name in said["variants"]) or not all(
            type(seed) is int and 0 < seed < 2 ** 32 for seed in said.get("seeds", [1])):
        raise Problem("%s: variants: takes a list of names, seeds: of numbers, 1 to 4294967295" % path)
    if not all(start in list(STARTS) for start in said.get("starts", [])):
        raise Problem("%s: starts: takes %s" % (path, ", ".join(STARTS)))
    if said.get("choose", METRICS[0]) not in METRICS or said.get("groups", 2) < 2:
        raise Problem("%s: choose: takes %s; groups: 2 or more" % (path, ", ".join(METRICS)))
    combinations = [dict(zip(settings, values)) for values in itertools.product(*settings.values())]
    return Grid(**dict(said, settings=combinations))


def value_of(value):
    """A setting's value as prototxt. What YAML reads as a text and is a number, as 1e-3 is, is one."""
    try:
        return value if isinstance(value, str) and float(value) is not None else json.dumps(value, default=str)
    except ValueError:
        return json.dumps(value)


def text_of(setting):
    """A setting, a dict, as prototxt on a line."""
    return " ".join("%s: %s" % (field, value_of(value)) for field, value in setting.items())


def folder_of(setting):
    """A name for a folder, unlike that of any other setting."""
    return ",".join("%s=%s" % (field, quote(value_of(value).strip('"'), safe="")) for field, value in setting.items())


class Sweep:
    """A Grid on `folds`, a list of folders. prototxt: the folder of nets and solvers; weights: a caffemodel or None.

    Raises Problem where folds or weights are not there that the grid asks for.
    """

    def __init__(self, grid, folds, prototxt, weights, out):
        self.grid, self.weights, self.out, self.prototxt = grid, weights, Path(out), Path(prototxt)
        self.starts = grid.starts or ["finetuned" if weights else "scratch"]
        self.all_folds, self.written = folds, set()
        self.folds = [fold for fold in folds if not grid.folds or int(fold.name.split("-")[0]) in grid.folds]
        if not self.folds:
            raise Problem("folds: none of these numbers; there are %s to %s"
                          % (folds[0].name.split("-")[0], folds[-1].name.split("-")[0]))
        if not weights and self.starts != ["scratch"]:
            raise Problem("starts: %s: of which weights? name them with --weights" % self.starts[-1])
        if STUDENT in grid.variants and self.starts != ["finetuned"]:
            raise Problem("variants: %s: is taught by --weights, and starts are [finetuned] alone" % STUDENT)

    def training(self, variant, start, setting, seed, fold, within=None):
        """The Training of a fold; its prototxts are written. within: the fold that it is a fold within."""
        folder = self.out / start / folder_of(setting) / ("seed-%d" % seed)
        if folder not in self.written:
            write_prototxt(self.prototxt, folder / "prototxt", seed, start == "frozen", text_of(setting))
            self.written.add(folder)
        return fold_training(folder / "prototxt" / "solvers" / (variant + ".prototxt"), fold,
                             folder / ("inner-" + within.name) if within else folder / "models",
                             None if start == "scratch" else self.weights)

    def inner(self, variant, start, setting, seed, fold):
        """The Trainings of the folds within a fold."""
        return [self.training(variant, start, setting, seed, inner, fold) for inner in inner_folds(
            fold, self.all_folds, self.grid.groups, self.out / "inner" / fold.name)]

    def outer(self):
        """(variant, start, setting), seed and Training of all that is compared, with `choose` of chosen settings."""
        settings, compared = [None] if self.grid.choose else self.grid.settings, []
        for variant, start, setting, seed, fold in itertools.product(
                self.grid.variants, self.starts, settings, self.grid.seeds, self.folds):
            if setting is None:
                setting = self.chosen(variant, start, seed, fold)
            compared.append(((variant, start, text_of(setting)), seed,
                             self.training(variant, start, setting, seed, fold)))
        return compared

    def chosen(self, variant, start, seed, fold):
        """The setting that is best for those whom a fold trains on, each left out in turn."""
        metric = self.grid.choose
        means = []
        for setting in self.grid.settings:
            figures = np.concatenate([subject_figures(read_result(training.folder / "predictions.csv"))
                                      for training in self.inner(variant, start, setting, seed, fold)])
            figures = figures[:, METRICS.index(metric)]
            means.append(np.nanmean(figures) if not np.isnan(figures).all() else np.nan)
        signed = np.array(means) * (-1 if metric in ERRORS else 1)
        return self.grid.settings[int(np.argmax(np.nan_to_num(signed, nan=-np.inf)))]

    def see_through(self, name, caffe="caffe", gpu=None, where=None) -> Swept:
        """Train and predict what is not there yet. Returns the Swept of this name, which is written, too."""
        if self.grid.choose:
            inner = [training for variant, start, setting, seed, fold in itertools.product(
                self.grid.variants, self.starts, self.grid.settings, self.grid.seeds, self.folds)
                for training in self.inner(variant, start, setting, seed, fold)]
            self.train(inner, "to choose by", caffe, gpu, where)
        outer = self.outer()
        self.train([training for _, _, training in outer], "in all", caffe, gpu, where)
        path = self.out / (name + END)
        write_swept(path, [((*row, self.grid.choose or ""), seed, training.folder / "predictions.csv")
                           for row, seed, training in outer])
        return read_swept(path)

    def train(self, trainings, what, caffe, gpu, where):
        """Train and predict, those first that teach."""
        teaching, taught = two_stages([training for training in trainings if training.name == STUDENT], self.weights)
        trainings = [training for training in trainings if training.name != STUDENT] + taught
        if teaching:
            train(teaching, caffe, gpu, where, "%d trainings that teach, %s" % (len(teaching), what))
        train(trainings, caffe, gpu, where, "%d trainings %s" % (len(trainings), what))
        predict_folds(trainings, gpu, where)
