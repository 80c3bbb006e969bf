"""The paper's tables 1 and 2 of any results, with intervals: how far the predicted intensities lie from the labels.

    python tools/evaluate.py models/smooth_l1 theirs.csv authors.mat --compare mae pcc

metrics.py says what a figure is, protocols.py over what it is averaged, uncertainty.py how sure it is, and results.py
which files can be read.
"""
import json
from pathlib import Path

import numpy as np

from cli import Parser, Problem, replacing, run, write_csv
from metrics import METRICS, PAIN_METRICS, all_metrics, title
from protocols import PROTOCOLS, scored, units
from results import all_mean, all_zeros, quantised, read_results, side_by_side, with_pain
from uncertainty import DRAWS, SEED, compare, draw, figures, holm
from unbc import CLASSES, MAX_PSPI

PAPER = {  # its rows, MAE, MSE, PCC, wMAE, wMSE
    "smooth l1": (.416, 1.060, .524, 1.596, 4.396),
    "l1 + l1 center loss": (.389, .820, .603, 1.388, 3.438),
    "smooth l1 + l1 center loss": (.456, .804, .651, 1.289, 2.880),
    "smooth l1 + l2 center loss": (.435, .816, .625, 1.324, 3.075),
    "l1 + l1 center loss + sampling": (None, None, None, 1.039, 1.999),
    "smooth l1 + l1 center loss + sampling": (None, None, None, .991, 1.720),
    "OSVR-l1": (1.025, None, .600, 1.309, 2.758),
    "OSVR-l2": (.810, None, .601, 1.299, 2.719),
    "RCR": (None, 1.54, .65, None, None),
    "all zeros": (.438, 1.353, None, 2.143, 7.387),
}
PAPER_METRICS = "mae", "mse", "pcc", "wmae", "wmse"
TABLES = {"Table 1": ("mae", "mse", "pcc", "icc31"), "Table 2": ("wmae", "wmse")}  # the paper's
TRIVIAL = "all zeros", "all mean"  # the mean of the other subjects
MORE_TABLES = {"Agreement": ("rmse", "icc11", "ccc")}


def tables(top, every):
    """{heading: names of metrics}: the paper's two tables, and if `every` all others, for labels 0..top."""
    pain = {"Intensity %d or more" % t: tuple("%s_%d" % (name, t) for name in PAIN_METRICS) for t in range(1, top + 1)}
    return dict(TABLES, **MORE_TABLES, **pain) if every else TABLES


def quoted(name):
    """The paper's figures of the row `name`, {metric: float, NaN where it gives none}; {} for a row it has not."""
    return dict(zip(PAPER_METRICS, np.array(PAPER[name], float))) if name in PAPER else {}


def evaluate(result, protocol="subject", top=CLASSES - 1, draws=DRAWS, seed=SEED, names=None):
    """A result's row: {name, protocol, a float a metric (NaN: undefined in all units), over, interval}.

    over: {metric: the units in which it is defined}; interval: {metric: (low, high)}.
    protocol: a key of PROTOCOLS; top: the highest label; names: the metrics, all unless given. Raises Problem when the
    protocol is video and the result's videos are unknown.
    """
    score = scored(result, protocol, top, names)
    figure, low, high = (values.tolist() for values in figures(score, draw(score.subjects, draws, seed)))
    return dict(name=result.name, protocol=protocol, **dict(zip(score.names, figure)),
                over=dict(zip(score.names, score.over().tolist())), interval=dict(zip(score.names, zip(low, high))))


def compare_all(results, metrics, protocol="subject", top=CLASSES - 1, draws=DRAWS, seed=SEED):
    """Every two of results side by side, but for all zeros with all mean: {metric: a list of dicts}.

    Each has the names `a` and `b`, the `difference` of a less b, its interval `low` and `high`, `p`, and `corrected`,
    Holm's for as many as the list is long.
    """
    metrics = list(dict.fromkeys(metrics))
    scores = [(result.name, scored(result, protocol, top, metrics)) for result in results]
    pairs = [(a, b) for i, a in enumerate(scores) for b in scores[i + 1:] if a[0] not in TRIVIAL]
    lists = {metric: [] for metric in metrics}
    for (a, one), (b, other) in pairs:
        comparison = compare(one, other, draw(one.subjects, draws, seed))
        for i, metric in enumerate(metrics):
            lists[metric].append(dict(a=a, b=b, **{field: float(values[i])
                                                   for field, values in comparison._asdict().items()}))
    for rows in lists.values():
        for row, corrected in zip(rows, holm([row["p"] for row in rows])):
            row["corrected"] = float(corrected)
    return lists


def baselines(groups):
    """The trivial results, all zeros and all mean, on the labels of each of some groups of results."""
    trivial = []
    for group in groups:
        suffix = "" if len(groups) == 1 else " (%s)" % ", ".join(result.name for result in group)
        trivial += [all_zeros(group[0], TRIVIAL[0] + suffix), all_mean(group[0], TRIVIAL[1] + suffix)]
    return [result for result in trivial if result]


def group_by_truth(results):
    """The results in lists whose labels are the same subject by subject, by whatever names the subjects go."""
    groups = {}
    for result in results:
        truth = tuple(sorted(label.tobytes() for label, _ in units(result, "subject")))
        groups.setdefault(truth, []).append(result)
    return list(groups.values())


def protocol_name(protocol, top, subjects, groups):
    """What the tables are of, in words: the protocol in all its parts, and how much data."""
    return "Protocol %s (%s), %s, %s: %s" % (
        protocol, "all frames at once" if protocol == "pooled" else "means over %ss" % protocol,
        "PSPI 0..%d" % top if top == MAX_PSPI else "intensities 0..%d" % top,
        "all subjects" if subjects == "all" else "only subjects with pain", sizes(groups))


def sizes(groups):
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


def print_table(heading, rows, metrics):
    """Print `rows`, as evaluate() gives them, and the paper's own rows below, in columns of `metrics`."""
    paper = [dict(dict.fromkeys(METRICS, np.nan), **quoted(name), name=name) for name in PAPER]
    width = max(len(row["name"]) for row in rows + paper)
    print(heading)
    print((" " * (width + 10) + "".join("%8s%12s" % (title(metric), "") for metric in metrics)).rstrip())
    for row in rows + [row for row in paper if not np.isnan([row.get(metric, np.nan) for metric in metrics]).all()]:
        line = "%-*s  %-8s" % (width, row["name"], "measured" if "over" in row else "quoted")
        for metric in metrics:
            low, high = row.get("interval", {}).get(metric, (np.nan, np.nan))
            line += "%8s%-12s" % (decimals(row[metric]), "" if np.isnan(low) else " %.2f..%.2f" % (low, high))
        print(line.rstrip())
    for row in rows:
        if left_out(row, metrics):
            print("left out of %s, as undefined: %s" % (row["name"], left_out(row, metrics)))
    print()


def decimals(value):
    """A figure with three decimals, `-` where it is undefined."""
    return "-" if np.isnan(value) else "%.3f" % value


def left_out(row, metrics):
    """The units of a measured row in which some of `metrics` are undefined, `PCC 1 of 25`, empty if there are none."""
    units_of = row["over"]["mae"]  # an MAE is never undefined
    missing = ["%s %d of %d" % (title(metric), units_of - row["over"][metric], units_of)
               for metric in metrics if row["over"][metric] < units_of]
    return ", ".join(missing)


def print_comparisons(metric, pairs):
    """Print compare_all()'s list of a metric."""
    print("Differences in %s, first less second, with 95 %% interval; p, and p corrected for %d comparisons"
          % (title(metric), len(pairs)))
    width = max(len(pair["a"]) + len(pair["b"]) for pair in pairs) + 6
    for pair in pairs:
        interval = "" if np.isnan(pair["low"]) else "%+.3f..%+.3f" % (pair["low"], pair["high"])
        difference, p, corrected = (form % pair[field] if pair[field] == pair[field] else "-" for field, form in (
            ("difference", "%+.3f"), ("p", "%.4f"), ("corrected", "%.4f")))
        print("%-*s%8s %16s   p %-6s  corrected %s"
              % (width, "%s  -  %s" % (pair["a"], pair["b"]), difference, interval, p, corrected))
    print()


def or_none(value):
    """A row's value as JSON and CSV have it: None for NaN, within dicts and sequences, too."""
    if isinstance(value, dict):
        return {key: or_none(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [or_none(inner) for inner in value]
    return None if value != value else value


def wide(rows, metrics):
    """The columns and the rows of the measured rows as CSV: figures, then over_, low_ and high_ of each."""
    columns = ["name", "protocol", *metrics, *(part + name for part in ("over_", "low_", "high_") for name in metrics)]
    return columns, [map(or_none, [row["name"], row["protocol"], *(row[name] for name in metrics),
                                   *row["over"].values(), *(end[0] for end in row["interval"].values()),
                                   *(end[1] for end in row["interval"].values())]) for row in rows]


def add_arguments(parser):
    """The arguments that say what is evaluated, and how."""
    parser.add_argument("results", nargs="*", metavar="RESULT",
                        help="a predictions.csv, a folder tree of them (models/smooth_l1), or the authors' .mat file")
    parser.add_argument("--pspi", nargs="+", metavar="RESULT", default=[],
                        help="more results, whose labels and predictions are PSPI 0..16: they are quantised to 0..5")
    parser.add_argument("--raw", action="store_true", help="score the results of --pspi as they are, 0..16")
    parser.add_argument("--protocol", choices=PROTOCOLS, default="subject",
                        help="average over subjects (the paper's) or videos, or pool all frames (default: %(default)s)")
    parser.add_argument("--subjects", choices=("all", "pain"), default="all",
                        help="all, or only those who show pain at all, 24 of UNBC's 25 (default: %(default)s)")
    parser.add_argument("--draws", type=int, default=DRAWS,
                        help="of subjects, for intervals and p (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="of the draws (default: %(default)s)")


def read_arguments(args):
    """The results that the arguments name, and their highest label. Raises Problem for what does not go together."""
    if not args.results and not args.pspi:
        raise Problem("name a result to score: a predictions.csv, a folder of them, or a .mat file; see --help")
    if args.raw and args.results:
        raise Problem("%s: holds 0..5, which --raw cannot score; name results in PSPI after --pspi" % args.results[0])
    if args.raw and not args.pspi:
        raise Problem("--raw scores results in PSPI; name them after --pspi")
    if not 1 <= args.draws <= 10 ** 6:
        raise Problem("--draws %d: must be 1 to 1000000" % args.draws)
    if not 0 <= args.seed < 2 ** 32:
        raise Problem("--seed %d: must be 0 to 4294967295" % args.seed)
    pspi = list(map(Path, args.pspi))
    both = set(pspi) & set(map(Path, args.results))
    if both:
        raise Problem("%s: named as 0..5 and after --pspi; name it once" % min(both))
    results = read_results([*args.results, *args.pspi], pspi)
    if not args.raw:
        results = [quantised(result) if result.path in pspi else result for result in results]
    if args.subjects == "pain":
        results = [with_pain(result) for result in results]
    return results, MAX_PSPI if args.raw else CLASSES - 1


def main():
    parser = Parser(__doc__)
    add_arguments(parser)
    parser.add_argument("--compare", nargs="+", metavar="METRIC", default=[],
                        help="compare every two results, and with all zeros and all mean, in these: %s, or auroc_1, "
                        "f1_1, bacc_1 and so on" % ", ".join(METRICS))
    parser.add_argument("--all", action="store_true", help="print the tables of all metrics, not only the paper's two")
    parser.add_argument("--json", metavar="FILE", help="write the measured rows as JSON; - prints them, and no tables")
    parser.add_argument("--csv", metavar="FILE", help="write the measured rows as CSV")
    args = parser.parse_args()
    results, top = read_arguments(args)
    unknown = [metric for metric in args.compare if metric not in all_metrics(top)]
    if unknown:
        raise Problem("--compare %s: there is %s" % (unknown[0], ", ".join(all_metrics(top))))
    groups = [side_by_side(results)] if args.compare else group_by_truth(results)
    results = (groups[0] if args.compare else results) + baselines(groups)
    how = args.protocol, top, args.draws, args.seed
    shown = tables(top, args.all)
    names = None if args.json or args.csv else [metric for metrics in shown.values() for metric in metrics]
    rows = [evaluate(result, *how, names) for result in results]
    comparisons = compare_all(results, args.compare, *how) if args.compare else {}
    protocol = protocol_name(args.protocol, top, args.subjects, groups)
    text = json.dumps(or_none({"protocol": protocol, "rows": rows, "comparisons": comparisons}), indent=1)
    if args.csv:
        write_csv(args.csv, *wide(rows, all_metrics(top)))
    if args.json == "-":
        print(text)
        return
    if args.json:
        with replacing(args.json) as partial:
            partial.write_text(text + "\n")
    print(protocol + "\n")
    for heading, metrics in shown.items():
        print_table(heading, rows, metrics)
    for metric, pairs in comparisons.items():
        print_comparisons(metric, pairs)
    print("measured: with the 95 %% interval of %d draws of subjects, seed %d. "
          "quoted: the paper's, on UNBC-McMaster, protocol subject." % (args.draws, args.seed))


if __name__ == "__main__":
    run(main)
