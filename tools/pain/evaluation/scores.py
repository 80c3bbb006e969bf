"""Results scored: each one's figures with intervals, and every two compared."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable

from pain.datasets.pspi import CLASSES, MAX_PSPI
from pain.evaluation.metrics import PAIN_METRICS
from pain.evaluation.protocols import scored, units
from pain.evaluation.results import all_mean, all_zeros
from pain.evaluation.uncertainty import DRAWS, SEED, compare_two, holm, make_draws, with_intervals

if TYPE_CHECKING:
    from pain.evaluation.frames import Result

TABLES = {"Table 1": ("mae", "mse", "pcc", "icc31"), "Table 2": ("wmae", "wmse")}  # the paper's
TRIVIAL = "all zeros", "all mean"  # the mean of the other subjects
MORE_TABLES = {"Agreement": ("rmse", "icc11", "ccc")}


def tables(top: int, every: bool) -> dict[str, tuple[str, ...]]:
    """{heading: names of metrics}: the paper's two tables, and if `every` all others, for labels 0..top."""
    pain = {"Intensity %d or more" % t: tuple("%s_%d" % (name, t) for name in PAIN_METRICS) for t in range(1, top + 1)}
    return dict(TABLES, **MORE_TABLES, **pain) if every else TABLES


def evaluate(result: Result, protocol: str = "subject", top: int = CLASSES - 1, draws: int = DRAWS, seed: int = SEED,
             names: Iterable[str] | None = None) -> dict[str, Any]:
    """A result's row: {name, protocol, a float a metric (NaN: undefined in all units), over, interval}.

    over: {metric: the units in which it is defined}; interval: {metric: (low, high)}.
    protocol: a key of PROTOCOLS; top: the highest label; names: the metrics, all unless given. Raises Problem when the
    protocol is video and the result's videos are unknown.
    """
    score = scored(result, protocol, top, names)
    figure, low, high = (values.tolist() for values in with_intervals(score, make_draws(score.subjects, draws, seed)))
    return dict(name=result.name, protocol=protocol, **dict(zip(score.names, figure)),
                over=dict(zip(score.names, score.over().tolist())), interval=dict(zip(score.names, zip(low, high))))


def compare_all(results: list[Result], metrics: Iterable[str], protocol: str = "subject", top: int = CLASSES - 1,
                draws: int = DRAWS, seed: int = SEED) -> dict[str, list[dict[str, Any]]]:
    """Every two of results side by side, but for all zeros with all mean: {metric: a list of dicts}.

    Each has the names `a` and `b`, the `difference` of a less b, its interval `low` and `high`, `p`, and `corrected`,
    Holm's for as many as the list is long.
    """
    metrics = list(dict.fromkeys(metrics))
    scores = [(result.name, scored(result, protocol, top, metrics)) for result in results]
    pairs = [(a, b) for i, a in enumerate(scores) for b in scores[i + 1:] if a[0] not in TRIVIAL]
    lists = {metric: [] for metric in metrics}
    for (a, one), (b, other) in pairs:
        comparison = compare_two(one, other, make_draws(one.subjects, draws, seed))
        for i, metric in enumerate(metrics):
            lists[metric].append(dict(a=a, b=b, **{field: float(values[i])
                                                   for field, values in comparison._asdict().items()}))
    for rows in lists.values():
        for row, corrected in zip(rows, holm([row["p"] for row in rows])):
            row["corrected"] = float(corrected)
    return lists


def baselines(groups: list[list[Result]]) -> list[Result]:
    """The trivial results, all zeros and all mean, on the labels of each of some groups of results."""
    trivial = []
    for group in groups:
        suffix = "" if len(groups) == 1 else " (%s)" % ", ".join(result.name for result in group)
        trivial += [all_zeros(group[0], TRIVIAL[0] + suffix), all_mean(group[0], TRIVIAL[1] + suffix)]
    return [result for result in trivial if result]


def group_by_truth(results: list[Result]) -> list[list[Result]]:
    """The results in lists whose labels are the same subject by subject, by whatever names the subjects go."""
    groups = {}
    for result in results:
        truth = tuple(sorted(label.tobytes() for label, _ in units(result, "subject")))
        groups.setdefault(truth, []).append(result)
    return list(groups.values())


def protocol_name(protocol: str, top: int, subjects: str, groups: list[list[Result]]) -> str:
    """What the tables are of, in words: the protocol in all its parts, and how much data."""
    return "Protocol %s (%s), %s, %s: %s" % (
        protocol, "all frames at once" if protocol == "pooled" else "means over %ss" % protocol,
        "PSPI 0..%d" % top if top == MAX_PSPI else "intensities 0..%d" % top,
        "all subjects" if subjects == "all" else "only subjects with pain", sizes(groups))


def sizes(groups: list[list[Result]]) -> str:
    """What each group of results, which share their labels, is of: `25 subjects, 200 videos, 48391 frames`."""
    texts = []
    for group in groups:
        result = min(group, key=lambda result: result.no_videos is not None)
        counts = [(len(units(result, "subject")), "subject"), (len(result.videos), "video"),
                  (sum(len(video.label) for video in result.videos), "frame")]
        text = ", ".join("%d %s%s" % (count, what, "s" if count != 1 else "") for count, what in counts
                         if what != "video" or not result.no_videos)
        texts.append(text if len(groups) == 1 else "%s (%s)" % (text, ", ".join(result.name for result in group)))
    return "; ".join(texts)
