"""Rows that were trained with several seeds: figures and differences, with intervals over seeds and subjects.

Intervals are a percentile bootstrap: seeds and subjects are both drawn with replacement, 10,000 times, and the figure
of a draw is the mean over its pairs of a seed and a subject. Differences are taken pair by pair.
"""
from __future__ import annotations

import itertools
from pathlib import Path
from typing import Sequence

import numpy as np

from pain.datasets.pspi import CLASSES
from pain.errors import Problem
from pain.evaluation.frames import Result
from pain.evaluation.metrics import title
from pain.evaluation.origins import origin_of_result
from pain.evaluation.protocols import scored
from pain.evaluation.results import read_result
from pain.evaluation.side_by_side import side_by_side
from pain.evaluation.trivial import trivial_results
from pain.evaluation.uncertainty import DRAWS, SEED, interval, make_draws
from pain.folders import natural
from pain.notice import learned_from
from pain.provenance import Data, Origin, merged
from pain.tables import Column, Estimate, Table
from pain.variants import METRICS, VARIANTS


def subject_figures(result: Result) -> np.ndarray:
    """METRICS of each of a result's subjects, (S, M) float64, NaN where undefined."""
    return scored(result, "subject", CLASSES - 1, METRICS).values


def estimates(values: np.ndarray, draws: int = DRAWS) -> list[Estimate]:
    """The mean of `values` (seeds R, subjects S, M) over seeds and subjects, NaN left out: M Estimates."""
    seeds, subjects = (make_draws(count, draws, seed).weights
                       for count, seed in zip(values.shape[:2], (SEED + 1, SEED)))
    defined = ~np.isnan(values)

    def mean(of_seeds, of_subjects):
        total, count = (np.einsum("br,rsm,bs->bm", of_seeds, part, of_subjects, optimize=True)
                        for part in (np.where(defined, values, 0), defined.astype(float)))
        return np.where(count > 0, total, np.nan) / np.where(count > 0, count, 1)

    figure, = mean(np.ones((1, values.shape[0])), np.ones((1, values.shape[1])))
    return [Estimate(*map(float, cell)) for cell in zip(figure, *interval(mean(seeds, subjects), values.shape[1]))]


def read_seeds(folders: Sequence[Path]) -> list[list[Result]]:
    """The Results of each seed's folder, as many and in the same order, of the same frames.

    folders: one a seed, with rows in them: <row>/NN-subject/predictions.csv. Raises Problem when one lacks a row that
    another has, or a result cannot be read or put beside the others.
    """
    rows = [{path.parents[1].name for path in folder.glob("*/*/predictions.csv")} for folder in folders]
    every = sorted(set().union(*rows), key=natural)
    for folder, there in zip(folders, rows):
        for row in every or ["predictions.csv"]:
            if row not in there:
                raise Problem("%s: no %s in it; train and predict the same with every seed" % (folder, row))
    order = [variant.name for variant in VARIANTS]
    every.sort(key=lambda row: order.index(row) if row in order else len(order))
    results = side_by_side([read_result(folder / row) for folder in folders for row in every])
    return [results[i:i + len(every)] for i in range(0, len(results), len(every))]


def note_of(values: np.ndarray, data: Data) -> str:
    """What stands below a table of rows like `values` (R, S, M), and what they have learned from."""
    return "Means over %d subjects and %d seed%s; 95 %% intervals over both. Trained and tested on %s." % (
        values.shape[1], len(values), "" if len(values) == 1 else "s", learned_from(data))


def tables_of(names: tuple[str, str], heading: str, values: dict[str, np.ndarray], note: str) -> tuple[Table, Table]:
    """The tables of rows, and of every two rows' difference. names: theirs; values: {row: METRICS, (R, S, M)}."""
    figures = [Column(name, title(name), interval=True) for name in METRICS]
    rows = [[name, *estimates(value)] for name, value in values.items()]
    pairs = [["%s - %s" % (a, b), *estimates(values[a] - values[b])] for a, b in itertools.combinations(values, 2)]
    return (Table(names[0], heading, [Column("row", "")] + figures, rows, note),
            Table(names[1], "Differences, the first less the second", [Column("pair", "")] + figures, pairs, note))


def compare_seeds(folders: Sequence[Path]) -> tuple[Table, Table]:
    """The tables of all rows, with the trivial ones, and of every two rows' difference. As read_seeds()."""
    seeds = read_seeds(folders)
    results = [seed + trivial_results([seed]) for seed in seeds]
    values = {of_row[0].name: np.stack(list(map(subject_figures, of_row))) for of_row in zip(*results)}
    known = filter(None, (origin_of_result(result.path) for seed in seeds for result in seed))
    note = note_of(next(iter(values.values())), merged(list(known) or [Origin()]).data)
    return tables_of(("comparison", "differences"), "Every row with every seed", values, note)
