"""Results scored: each one's figures with intervals, and every two compared."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable

from pain.datasets.pspi import CLASSES
from pain.evaluation.protocols import scored, units
from pain.evaluation.trivial import TRIVIAL
from pain.evaluation.uncertainty import DRAWS, SEED, compare_two, holm, make_draws, with_intervals

if TYPE_CHECKING:
    from pain.evaluation.frames import Result


def score(result: Result, protocol: str = "subject", top: int = CLASSES - 1, draws: int = DRAWS, seed: int = SEED,
          names: Iterable[str] | None = None) -> dict[str, Any]:
    """A result's row: {name, protocol, a float a metric (NaN: undefined in all units), over, interval}.

    over: {metric: the units in which it is defined}; interval: {metric: (low, high)}.
    protocol: a key of PROTOCOLS; top: the highest label; names: the metrics, all unless given. Raises Problem when the
    protocol is video and the result's videos are unknown.
    """
    ready = scored(result, protocol, top, names)
    figure, low, high = (values.tolist() for values in with_intervals(ready, make_draws(ready.subjects, draws, seed)))
    return dict(name=result.name, protocol=protocol, **dict(zip(ready.names, figure)),
                over=dict(zip(ready.names, ready.over().tolist())), interval=dict(zip(ready.names, zip(low, high))))


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


def group_by_truth(results: list[Result]) -> list[list[Result]]:
    """The results in lists whose labels are the same subject by subject, by whatever names the subjects go."""
    groups = {}
    for result in results:
        truth = tuple(sorted(label.tobytes() for label, _ in units(result, "subject")))
        groups.setdefault(truth, []).append(result)
    return list(groups.values())
