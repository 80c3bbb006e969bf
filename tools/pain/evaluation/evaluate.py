"""Results evaluated: every figure with its interval, beside what is trivial to predict, and every two compared."""
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Iterable, NamedTuple

from pain.datasets.pspi import CLASSES
from pain.errors import Problem, needed_for
from pain.evaluation import scores
from pain.evaluation.frame_sets import FRAME_SETS
from pain.evaluation.frames import Result
from pain.evaluation.metrics import all_metrics
from pain.evaluation.origins import origin_lines
from pain.evaluation.printing import TABLES, comparisons_text, protocol_name, table_text, wide
from pain.evaluation.protocols import PROTOCOLS
from pain.evaluation.results import SUBJECTS, chosen, read_results
from pain.evaluation.side_by_side import side_by_side
from pain.evaluation.trivial import trivial_results
from pain.evaluation.uncertainty import DRAWS, SEED
from pain.variants import Scoring

if TYPE_CHECKING:
    import pandas


class Scores(NamedTuple):
    """What evaluate() finds."""

    protocol: str  # in words, and how much data
    rows: list[dict[str, Any]]  # a result's each, as scores.score() gives it; all zeros and all mean are the last
    comparisons: dict[str, list[dict[str, Any]]]  # {metric: what scores.compare_all() says of every two}
    names: list[str]  # of the metrics
    nets: list[str]  # what is known of those that made each result, in words; nothing of some
    scoring: Scoring  # what the figures are of

    def __str__(self) -> str:
        """The tables that evaluate.py prints: the paper's two, of the metrics that were asked for, and comparisons."""
        shown = {heading: [name for name in names if name in self.names] for heading, names in TABLES.items()}
        return "\n".join([self.protocol + "\n", *(table_text(heading, self.rows, names, self.scoring)
                                                  for heading, names in shown.items() if names),
                          *(comparisons_text(metric, pairs) for metric, pairs in self.comparisons.items()),
                          *("nets of " + line for line in self.nets)])

    def to_pandas(self) -> pandas.DataFrame:
        """A row a result, by its name: its figures, then over_, low_ and high_ of each, as evaluate.py --csv has them.

        low_ and high_ bound the 95 % interval; over_ is the number of subjects, or videos, in which the figure is
        defined. Raises Problem where pandas is missing.
        """
        with needed_for("to_pandas"):
            import pandas
        columns, rows = wide(self.rows, self.names)
        return pandas.DataFrame([list(row) for row in rows], columns=columns).set_index("name")


def evaluate(results: str | os.PathLike | Result | Iterable[str | os.PathLike | Result],
             protocol: str = "subject", *, subjects: str = "all", frames: str = "all",
             compare: Iterable[str] = (), top: int = CLASSES - 1, draws: int = DRAWS, seed: int = SEED,
             metrics: Iterable[str] | None = None) -> Scores:
    """The paper's figures of some results, with 95 % intervals over subjects, beside all zeros and all mean.

    results: Results, or paths as read_results() takes them, one or several. protocol: average over subjects, the
    paper's "subject", or over videos, "video", or pool all frames, "pooled". subjects: "all", or "pain" for those who
    show any. frames: which of a video's, a key of FRAME_SETS (frame_sets.py). compare: metrics in which every two
    results are compared; they must be of the same frames. top: the highest label, 5, or 16 for PSPI. draws, seed: of
    the bootstrap (uncertainty.py). metrics: which, and MAE; all unless given (metrics.py defines them). Undefined
    figures are NaN. Raises Problem for what does not go together.
    """
    if protocol not in PROTOCOLS or subjects not in SUBJECTS or frames not in FRAME_SETS:
        raise Problem("evaluate: protocol is one of %s, subjects of %s, frames of %s"
                      % tuple(map(", ".join, (PROTOCOLS, SUBJECTS, FRAME_SETS))))
    compare, metrics = list(compare), None if metrics is None else list(dict.fromkeys(["mae", *metrics]))
    unknown = [name for name in compare + (metrics or []) if name not in all_metrics(top)]
    if unknown:
        raise Problem("%s: no metric; there is %s" % (unknown[0], ", ".join(all_metrics(top))))
    scoring = Scoring(frames, top, subjects, protocol)
    read = [chosen(result, scoring) for result in as_results(results)]
    groups = [side_by_side(read)] if compare else scores.group_by_truth(read)
    every = (groups[0] if compare else read) + trivial_results(groups)
    how = protocol, top, draws, seed
    return Scores(protocol_name(scoring, groups),
                  [scores.score(result, *how, metrics) for result in every],
                  scores.compare_all(every, compare, *how) if compare else {}, metrics or list(all_metrics(top)),
                  origin_lines(read), scoring)


def as_results(results: Any) -> list[Result]:
    """The Results that are meant: given as they are, or by their paths, one or several. Raises Problem for none."""
    if isinstance(results, (str, os.PathLike, Result)):
        results = [results]
    results = list(results)
    paths = [result for result in results if not isinstance(result, Result)]
    if not results:
        raise Problem("evaluate: no results; name some")
    read = dict(zip(dict.fromkeys(map(os.fspath, paths)), read_results(paths))) if paths else {}
    return [result if isinstance(result, Result) else read[os.fspath(result)] for result in results]
