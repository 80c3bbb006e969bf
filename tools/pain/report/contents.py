"""Everything that the report's tables, figures and page are made of."""
from collections import namedtuple

from pain.evaluation import diagnosis, nets
from pain.evaluation.printing import protocol_name
from pain.evaluation.scores import compare_all, score
from pain.evaluation.side_by_side import side_by_side
from pain.evaluation.trivial import trivial_results

COMPARED = "mae", "mse", "pcc", "icc31", "ccc", "wmae", "wmse"

# results: of the same frames, their videos in order, the trivial ones last; rows: score()'s; comparisons:
# compare_all()'s; subjects and videos: diagnosis' breakdowns, a list a result; nets: what is known of
# the results' nets, lines; warning: what must be said of them, short, or "".
Evaluation = namedtuple("Evaluation", "results measured top protocol draws seed rows comparisons subjects videos nets "
                                      "warning")


def evaluate_all(results, top, args):
    """An Evaluation of results: everything that the tables, the figures and the page are made of."""
    results = side_by_side(results)
    measured, known = len(results), (nets.lines(results), nets.warning(results))
    protocol = protocol_name(args.protocol, top, args.subjects, [results])
    results = results + trivial_results([results])
    how = args.protocol, top, args.draws, args.seed
    return Evaluation(results, measured, top, protocol, args.draws, args.seed,
                      [score(result, *how) for result in results], compare_all(results, COMPARED, *how),
                      [diagnosis.by_subject(result) for result in results],
                      [diagnosis.by_video(result) for result in results], *known)
