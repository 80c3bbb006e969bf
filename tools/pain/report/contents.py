"""Everything that the report's tables, figures and page are made of."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Sequence

from pain.evaluation import diagnosis
from pain.evaluation.origins import origin_lines, origin_warning
from pain.evaluation.printing import protocol_name
from pain.evaluation.results import chosen
from pain.evaluation.scores import compare_all, score
from pain.evaluation.side_by_side import side_by_side
from pain.evaluation.trivial import trivial_results

if TYPE_CHECKING:
    from pain.evaluation.frames import Result
    from pain.evaluation.sweeps import Swept
    from pain.variants import Scoring

COMPARED = "mae", "mse", "pcc", "icc31", "ccc", "wmae", "wmse"


class Evaluation(NamedTuple):
    """What the report is made of."""

    results: list[Result]  # of the same frames, their videos in order; the trivial ones are the last
    measured: int  # how many of them are not trivial
    scoring: Scoring  # what the figures are of
    protocol: str  # the same in words
    draws: int
    seed: int
    rows: list[dict[str, Any]]  # score()'s, one a result
    comparisons: dict[str, list[dict[str, Any]]]  # compare_all()'s
    subjects: list[list[dict[str, Any]]]  # diagnosis.by_subject() of each result
    videos: list[list[dict[str, Any]]]  # diagnosis.by_video() of each result
    nets: list[str]  # what is known of the results' nets, in lines
    warning: str  # what must be said of them, short, or ""
    sweeps: Sequence[Swept]

    @property
    def top(self) -> int:
        """The highest label."""
        return self.scoring.top


def evaluate_all(results, scoring, draws, seed, sweeps=()):
    """An Evaluation of results: everything that the tables, the figures and the page are made of. sweeps: Swepts."""
    results = side_by_side([chosen(result, scoring) for result in results])
    measured, known = len(results), (origin_lines(results), origin_warning(results))
    protocol = protocol_name(scoring, [results])
    results = results + trivial_results([results])
    how = scoring.protocol, scoring.top, draws, seed
    return Evaluation(results, measured, scoring, protocol, draws, seed,
                      [score(result, *how) for result in results], compare_all(results, COMPARED, *how),
                      [diagnosis.by_subject(result) for result in results],
                      [diagnosis.by_video(result) for result in results], *known, sweeps)
