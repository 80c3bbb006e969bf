"""The paper's tables 1 and 2 of any results, with intervals: how far the predicted intensities lie from the labels.

    python tools/evaluate.py models/smooth_l1 theirs.csv authors.mat --compare mae pcc

In pain/evaluation/, metrics.py says what a figure is, protocols.py over what it is averaged, uncertainty.py how sure it
is, and results.py which files can be read.
"""
from pain.command import run, starting

with starting(__name__):
    import json

    from pain.command_line import Parser
    from pain.errors import Problem
    from pain.evaluation.arguments import add_arguments, read_arguments
    from pain.evaluation.evaluate import evaluate
    from pain.evaluation.frames import frames_of, from_one
    from pain.evaluation.metrics import METRICS, all_metrics
    from pain.evaluation.printing import comparisons_text, table_text, tables, wide
    from pain.evaluation.published import published_text
    from pain.files import or_none, replacing, write_csv


def main():
    parser = Parser(__doc__)
    add_arguments(parser)
    parser.add_argument("--compare", nargs="+", metavar="METRIC", default=[],
                        help="compare every two results, and with all zeros and all mean, in these: %s, or auroc_1, "
                        "f1_1, bacc_1 and so on" % ", ".join(METRICS))
    parser.add_argument("--all", action="store_true", help="print the tables of all metrics, not only the paper's two")
    parser.add_argument("--published", action="store_true", help="print what others have published, and whether it may "
                        "be compared; no RESULT is needed")
    parser.add_argument("--json", metavar="FILE", help="write the measured rows as JSON; - prints them, and no tables")
    parser.add_argument("--csv", metavar="FILE", help="write the measured rows as CSV")
    args = parser.parse_args()
    if args.published:
        print(published_text())
        if not args.results and not args.pspi:
            return
    results, scoring = read_arguments(args)
    top = scoring.top
    unknown = [metric for metric in args.compare if metric not in all_metrics(top)]
    if unknown:
        raise Problem("--compare %s: there is %s" % (unknown[0], ", ".join(all_metrics(top))))
    shown = tables(top, args.all)
    scores = evaluate(
        results, compare=args.compare, draws=args.draws, seed=args.seed, **scoring._asdict(),
        metrics=None if args.json or args.csv else [metric for metrics in shown.values() for metric in metrics])
    text = json.dumps(or_none({"protocol": scores.protocol, "rows": scores.rows, "comparisons": scores.comparisons}),
                      indent=1)
    if args.csv:
        write_csv(args.csv, *wide(scores.rows, scores.names))
    if args.json == "-":
        print(text)
        return
    if args.json:
        with replacing(args.json) as partial:
            partial.write_text(text + "\n")
    print(scores.protocol + "\n")
    for result in results:
        note = from_one(frames_of(result)[0], top)
        if note:
            print("%s: %s\n" % (result.path, note))
    for heading, metrics in shown.items():
        print(table_text(heading, scores.rows, metrics, scoring))
    for metric, pairs in scores.comparisons.items():
        print(comparisons_text(metric, pairs))
    for line in scores.nets:
        print("nets of " + line)
    print("measured: with the 95 %% interval of %d draws of subjects, seed %d. "
          "quoted: the paper's, on UNBC-McMaster." % (args.draws, args.seed))


if __name__ == "__main__":
    run(main)
