"""From frames to a result's figures, for the protocols in use, and for any set of subjects drawn from its subjects.

    subject    a figure for each subject, and their mean: the paper's
    video      a figure for each video, and their mean
    pooled     one figure of all frames at once

An undefined figure (see metrics.py) is left out of a mean, and counted. A set of subjects is given as weights, (S,):
how often each of the S subjects is in it. All weights 1 is the result itself; uncertainty.py draws others. A subject's
figures are computed once, and a set's from them: means from sums and counts, pooled figures from sums of frames.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable

import numpy as np

from pain.datasets.pspi import class_of
from pain.errors import Problem
from pain.evaluation.frames import subject_names
from pain.evaluation.metrics import all_metrics, error

if TYPE_CHECKING:
    from pain.evaluation.frames import Result

PROTOCOLS = {  # what frames of one unit share
    "subject": lambda video: video.subject,
    "video": lambda video: (video.subject, video.video),
    "pooled": lambda video: "all frames",
}


def units(result: Result, protocol: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """The (label, prediction) pairs, (N,) each, of a result's units. Raises Problem when it has no videos to tell."""
    if protocol == "video" and result.no_videos:
        raise Problem(result.no_videos)
    groups = {}
    for video in result.videos:
        groups.setdefault(PROTOCOLS[protocol](video), []).append((video.label, video.prediction))
    return [tuple(map(np.concatenate, zip(*group))) for group in groups.values()]


def scored(result: Result, protocol: str, top: int, names: Iterable[str] | None = None) -> Averaged | Pooled:
    """The result ready for figures of labels 0..top: a Pooled or an Averaged. names: the metrics, all unless given."""
    names = list(all_metrics(top)) if names is None else list(names)
    return Pooled(result, top, names) if protocol == "pooled" else Averaged(result, protocol, top, names)


class Averaged:
    """A result by unit. names: the M metrics'; values: (units, M), NaN where undefined; subject: (units,) int."""

    def __init__(self, result: Result, protocol: str, top: int, names: list[str]):
        metrics = all_metrics(top)
        self.names = names
        self.values = np.array([[metrics[name](*unit) for name in names] for unit in units(result, protocol)])
        order = {name: s for s, name in enumerate(subject_names(result))}
        by_unit = {PROTOCOLS[protocol](video): order[video.subject] for video in result.videos}
        self.subject = np.array(list(by_unit.values()))
        self.subjects = len(order)

    def over(self) -> np.ndarray:
        """How many units have each metric defined, (M,) int."""
        return (~np.isnan(self.values)).sum(axis=0)

    def figures(self, weights: np.ndarray) -> np.ndarray:
        """The metrics of sets of subjects. weights: (B, S). Returns (B, M)."""
        return weighted_mean(weights, *self.by_subject(self.values))

    def differences(self, other, weights):
        """The mean of this result's figures less `other`'s over the units in which both are defined, (B, M)."""
        return weighted_mean(weights, *self.by_subject(self.values - other.values))

    def swapped(self, other, swaps):
        """differences() of all subjects, had the two results been swapped for some. swaps: (P, S) bool. (P, M)."""
        total, count = self.by_subject(self.values - other.values)
        return weighted_mean(np.where(swaps, -1., 1.), total, count, np.ones((1, self.subjects)))

    def by_subject(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The sum of each subject's defined `values` (units, M), and how many these are: two (S, M)."""
        belongs = (self.subject == np.arange(self.subjects)[:, None]).astype(float)
        return belongs @ np.where(np.isnan(values), 0, values), belongs @ ~np.isnan(values)


def weighted_mean(weights: np.ndarray, total: np.ndarray, count: np.ndarray,
                  counted: np.ndarray | None = None) -> np.ndarray:
    """weights @ total / counted @ count, NaN where nothing is counted. counted: the weights unless given."""
    count = (weights if counted is None else counted) @ count
    return np.where(count > 0, weights @ total, np.nan) / np.where(count > 0, count, 1)


class Pooled:
    """A result as one unit, by subject: what a subject's frames add to the sums of all frames.

    sums: {name: (S, ...)}; frames: the subjects' (label, prediction) pairs, which AUROC needs.
    """

    def __init__(self, result: Result, top: int, names: list[str]):
        self.names = names
        self.frames = units(result, "subject")
        self.subjects = len(self.frames)
        parts = [sums(*frames, top) for frames in self.frames]
        self.sums = {name: np.array([part[name] for part in parts]) for name in parts[0]}

    def over(self) -> np.ndarray:
        """How many units, of one, have each metric defined, (M,) int."""
        return (~np.isnan(self.figures(np.ones((1, self.subjects))))).sum(axis=0)

    def figures(self, weights: np.ndarray) -> np.ndarray:
        """The metrics of all frames of sets of subjects. weights: (B, S). Returns (B, M)."""
        figures = from_sums(self.sums, weights)
        for name in self.names:
            if name.startswith("auroc_"):
                figures[name] = pooled_auroc(self.frames, int(name[len("auroc_"):]), weights)
        return np.stack([figures[name] for name in self.names], axis=-1)

    def differences(self, other, weights):
        """This result's figures less `other`'s, (B, M)."""
        return self.figures(weights) - other.figures(weights)

    def swapped(self, other, swaps):
        """differences() of all subjects, had the two results been swapped for some. swaps: (P, S) bool. (P, M)."""
        both = Pooled.__new__(Pooled)
        both.names, both.frames = self.names, self.frames + other.frames
        both.sums = {name: np.concatenate([self.sums[name], other.sums[name]]) for name in self.sums}
        mine = np.concatenate([~swaps, swaps], axis=1).astype(float)
        return both.figures(mine) - both.figures(1 - mine)


def sums(label: np.ndarray, prediction: np.ndarray, top: int) -> dict[str, Any]:
    """What a subject's frames add to pooled figures: {name: float or array}.

    Second moments are about the subject's own means, so that little is lost to rounding. Beside the sums, the lowest
    and highest label and prediction, by which a constant side is known for certain.
    """
    n, mean_t, mean_p, d = len(label), label.mean(), prediction.mean(), error(label, prediction)
    a, b = label - mean_t, prediction - mean_p
    classes = class_of(label)
    of_class = [classes == c for c in range(top + 1)]
    calls = [(classes >= t, prediction >= t - 0.5) for t in range(1, top + 1)]
    return dict(
        n=n, t=n * mean_t, p=n * mean_p, tt=a @ a, pp=b @ b, tp=a @ b,
        between_tt=n * mean_t ** 2, between_pp=n * mean_p ** 2, between_tp=n * mean_t * mean_p,
        absolute=np.abs(d).sum(), square=d @ d, low=[label.min(), prediction.min()],
        high=[label.max(), prediction.max()], class_n=[chosen.sum() for chosen in of_class],
        class_absolute=[np.abs(d[chosen]).sum() for chosen in of_class],
        class_square=[d[chosen] @ d[chosen] for chosen in of_class],
        positive=[t.sum() for t, _ in calls], called=[p.sum() for _, p in calls], hit=[(t & p).sum() for t, p in calls])


def from_sums(parts: dict[str, np.ndarray], weights: np.ndarray) -> dict[str, np.ndarray]:
    """The metrics but AUROC of sets of subjects, {name: (B,)}. parts: {name: (S, ...)} of sums(); weights: (B, S)."""
    s = {name: np.tensordot(weights, part, 1) for name, part in parts.items() if name not in ("low", "high")}
    value_t, value_p = (only_value(weights, *ends) for ends in zip(parts["low"].T, parts["high"].T))
    varies_t, varies_p, n = np.isnan(value_t), np.isnan(value_p), s["n"]
    with np.errstate(divide="ignore", invalid="ignore"):
        var_t = np.where(varies_t, s["tt"] + s["between_tt"] - s["t"] ** 2 / n, 0)
        var_p = np.where(varies_p, s["pp"] + s["between_pp"] - s["p"] ** 2 / n, 0)
        cov = np.where(varies_t & varies_p, s["tp"] + s["between_tp"] - s["t"] * s["p"] / n, 0)
        shift = (s["p"] - s["t"]) / n
        between, within = (var_t + var_p + 2 * cov) / 2 / (n - 1), s["square"] / (2 * n)
        all_same = value_t == value_p
        present = s["class_n"] > 0
        figures = dict(mae=s["absolute"] / n, mse=s["square"] / n, rmse=np.sqrt(s["square"] / n),
                       pcc=ratio(cov, np.sqrt(var_t) * np.sqrt(var_p)), icc31=2 * cov / (var_t + var_p),
                       icc11=np.where(all_same | (n < 2), np.nan, (between - within) / (between + within)),
                       ccc=np.where(all_same, np.nan, 2 * cov / (var_t + var_p + n * shift ** 2)))
        for name in "absolute", "square":
            of_class = np.where(present, s["class_" + name] / s["class_n"], 0).sum(axis=1) / present.sum(axis=1)
            figures["wmae" if name == "absolute" else "wmse"] = of_class
        negative = n[:, None] - s["positive"]
        specific = (negative - s["called"] + s["hit"]) / negative
        for i in range(s["hit"].shape[1]):
            figures["f1_%d" % (i + 1)] = 2 * s["hit"][:, i] / (s["positive"][:, i] + s["called"][:, i])
            figures["bacc_%d" % (i + 1)] = (s["hit"][:, i] / s["positive"][:, i] + specific[:, i]) / 2
    return figures


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """above / below, NaN where that is division by zero, be it that spreads too small to be squared are none."""
    return np.where(below > 0, above / below, np.nan)


def only_value(weights: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The one value that all frames of a set of subjects have, (B,), NaN if they vary. low, high: (S,) of subjects."""
    value = np.full(len(weights), np.nan)
    steady = np.flatnonzero(weights @ (low < high) == 0)  # no subject in the set varies by itself
    member = weights[steady] > 0
    lowest = np.where(member, low, np.inf).min(axis=1)
    value[steady] = np.where(lowest == np.where(member, low, -np.inf).max(axis=1), lowest, np.nan)
    return value


def pooled_auroc(frames: list[tuple[np.ndarray, np.ndarray]], threshold: int, weights: np.ndarray) -> np.ndarray:
    """AUROC of all frames of sets of subjects, (B,).

    It comes from the wins of each subject's positives over each one's negatives. frames: S (label, prediction) pairs;
    weights: (B, S).
    """
    high = [prediction[class_of(label) >= threshold] for label, prediction in frames]
    low = [np.sort(prediction[class_of(label) < threshold]) for label, prediction in frames]
    ends, scores = np.cumsum([0] + [len(part) for part in high]), np.concatenate(high)
    wins = np.zeros((len(frames), len(frames)))
    for j, negatives in enumerate(low):
        won = (np.searchsorted(negatives, scores, "left") + np.searchsorted(negatives, scores, "right")) / 2
        wins[:, j] = np.diff(np.concatenate([[0], np.cumsum(won)])[ends])
    pairs = (weights @ np.diff(ends)) * (weights @ [len(part) for part in low])
    return np.where(pairs > 0, (weights @ wins * weights).sum(axis=1), np.nan) / np.where(pairs > 0, pairs, 1)
