"""The steps from the archive to the report: what `make` runs for each, and how much of it is done already."""
from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Sequence

from pain.baselines import smoothing
from pain.datasets.folds import fold_names
from pain.datasets.frames_csv import ALIGNED
from pain.errors import Problem
from pain.files import read_csv
from pain.training import temporal
from pain.training.facenet2expnet import STUDENT
from pain.training.fold_trainings import fold_training, select_folds
from pain.variants import VARIANTS


class Place(NamedTuple):
    """Where everything lies: the dataset, aligned faces, folds, models, prototxts, the report; weights: or None."""

    data: Path
    aligned: Path
    folds: Path
    models: Path
    prototxt: Path
    report: Path
    weights: Path | None
    k: int | None = None  # how many folds there are to be, or None for one a subject


class Step(NamedTuple):
    """A step. targets: what `make` is told; left_out: why it cannot be done here, or ""."""

    name: str
    what: str
    targets: Sequence[str]
    left_out: str = ""


def all_steps(weights: Path | None) -> list[Step]:
    """Every step in its order. weights: the face net's caffemodel, or None."""
    steps = [Step("audit", "is the dataset what it should be?", ["audit"]),
             Step("align", "faces found and aligned", ["align"]), Step("folds", "the LMDBs of every fold", ["folds"])]
    for variant in VARIANTS:
        if variant.solver and variant.name == STUDENT:
            steps.append(Step(variant.name, variant.method, ["facenet2expnet"],
                              "" if weights else "needs a face net; name one: WEIGHTS=face_model.caffemodel"))
        elif variant.solver:
            start = ["WEIGHTS="] if variant.name == "rcr_style" else []  # it has no trunk to fill
            steps.append(Step(variant.name, variant.method, ["train", "predict", "VARIANT=" + variant.name, *start]))
    return steps + [Step("osvr", "OSVR-l1 and OSVR-l2", ["osvr"]),
                    Step("temporal", "an LSTM over time, and smoothing, of the whole method", ["temporal"]),
                    Step("report", "tables, figures and the page", ["report"])]


def chosen_steps(steps: Sequence[Step], only: Sequence[str], skip: Sequence[str]) -> list[Step]:
    """Those of `only`, all if it is empty, without those of `skip`. Raises Problem for unknown names."""
    names = [step.name for step in steps]
    unknown = [name for name in (*only, *skip) if name not in names]
    if unknown:
        raise Problem("%s: no such step; there is %s" % (unknown[0], ", ".join(names)))
    return [step for step in steps if (not only or step.name in only) and step.name not in skip]


def share_done(step: Step, place: Place) -> float:
    """How much of a step is done, 0 to 1, told by its files. The audit's is done once faces are aligned."""
    if step.name in ("audit", "align"):
        return float((place.aligned / "frames.csv").is_file())
    if step.name == "report":
        return report_done(place)
    try:
        folds = select_folds(place.folds)
    except Problem:
        return 0.
    if step.name == "folds":
        names = fold_names(subjects(place), place.k)
        return len({fold.name for fold in folds}.intersection(names)) / max(1, len(names))
    rows = {"osvr": ["osvr_l1", "osvr_l2"], "temporal": [temporal.ROW, smoothing.ROW]}.get(step.name)
    if rows:
        there = [(place.models / row / fold.name / "predictions.csv").is_file() for row in rows for fold in folds]
        return sum(there) / len(there)
    solver = place.prototxt / "solvers" / (step.name + ".prototxt")
    return sum(fold_done(fold_training(solver, fold, place.models)) for fold in folds) / len(folds)


def fold_done(training) -> float:
    """How much of a fold's training and prediction is done, 0 to 1, the prediction counting as a fiftieth."""
    share = training.last_snapshot() / max(1, training.max_iter)
    return min(1., share) * 0.98 + 0.02 * (share >= 1 and (training.folder / "predictions.csv").is_file())


def report_done(place: Place) -> float:
    """1 if the report is newer than all predictions."""
    page = place.report / "report.html"
    if not page.is_file():
        return 0.
    return float(all(path.stat().st_mtime <= page.stat().st_mtime for path in place.models.rglob("predictions.csv")))


def subjects(place: Place) -> list[str]:
    """The names of the subjects with aligned frames, in order. Raises Problem where there are none."""
    rows = read_csv(place.aligned / "frames.csv", ("subject", "status"), "make align")
    return list(dict.fromkeys(row["subject"] for row in rows if row["status"] in ALIGNED))
