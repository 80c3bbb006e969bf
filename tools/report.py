"""One HTML file of all that can be said of results: tables beside the paper's, intervals, comparisons, every curve.

    python tools/report.py models/smooth_l1 models/l1_center_l1 theirs.csv --out report

    report/report.html    self-contained: no network, no other file; light and dark; prints
    report/tables/        the same tables as CSV, LaTeX and Markdown
    report/figures/       figures for a paper, PNG and PDF

The page is report_page/page.html, a Jinja template, with its style and script. plotly.js, embedded, draws it.
"""
import base64
import csv
import io
import json
from collections import namedtuple
from pathlib import Path

import numpy as np

import diagnosis
import tables
from cli import Parser, Problem, replacing, run
from evaluate import (PAPER, PAPER_METRICS, TABLES, add_arguments, baselines, compare_all, evaluate, left_out, or_none,
                      protocol_name, quoted, read_arguments)
from figures import draw_figures
from metrics import ERRORS, PAIN_METRICS, title
from results import frame_numbers, frames_of, side_by_side
from tables import Estimate, Table, column

PAGE = Path(__file__).resolve().parent / "report_page"
COMPARED = "mae", "mse", "pcc", "icc31", "ccc", "wmae", "wmse"
SURE = 0.05  # corrected p below which a difference is shown as one

# results: of the same frames, their videos in order, the trivial ones last; rows: evaluate()'s; comparisons:
# compare_all()'s; subjects and videos: diagnosis' breakdowns, a list a result.
Evaluation = namedtuple("Evaluation", "results measured top protocol draws seed rows comparisons subjects videos")


def evaluate_all(results, top, args):
    """An Evaluation of results: everything that the tables, the figures and the page are made of."""
    results = side_by_side(results)
    measured = len(results)
    protocol = protocol_name(args.protocol, top, args.subjects, [results])
    results = results + baselines([results])
    how = args.protocol, top, args.draws, args.seed
    return Evaluation(results, measured, top, protocol, args.draws, args.seed,
                      [evaluate(result, *how) for result in results], compare_all(results, COMPARED, *how),
                      [diagnosis.by_subject(result) for result in results],
                      [diagnosis.by_video(result) for result in results])


# The tables.

def all_tables(evaluation):
    """Every table of the report, a list of Table."""
    papers = [paper_table(evaluation, heading, metrics) for heading, metrics in TABLES.items()]
    return papers + [table(evaluation) for table in (
        agreement_table, pain_table, comparison_table, subject_table, video_table, lag_table, confusion_table,
        intensity_table, reliability_table)]


def estimate(row, metric):
    """A figure of an evaluate() row with its interval."""
    return Estimate(row[metric], *row["interval"][metric])


def paper_table(evaluation, heading, metrics):
    """One of the paper's tables: measured and printed side by side, and the rows that only the paper has."""
    columns, measured = [column("result", "")], {row["name"]: row for row in evaluation.rows}
    rows = [[name] for name in dict.fromkeys([*measured, *PAPER])]
    for metric in metrics:
        columns.append(column(metric, title(metric), interval=True))
        for row in rows:
            row.append(estimate(measured[row[0]], metric) if row[0] in measured else None)
        if metric in PAPER_METRICS:
            columns.append(column(metric + "_paper", "paper"))
            for row in rows:
                row.append(quoted(row[0]).get(metric, np.nan))
    rows = [row for row in rows if row[0] in measured or any(cell == cell and cell is not None for cell in row[1:])]
    return Table(heading.lower().replace(" ", "_"), heading + ", measured and in the paper", columns, rows,
                 "%s. 95 %% intervals of %d draws of subjects, seed %d. paper: its printed figures, on UNBC-McMaster, "
                 "protocol subject.%s" % (evaluation.protocol, evaluation.draws, evaluation.seed,
                                          remarks(evaluation, metrics)))


def remarks(evaluation, metrics):
    """What is left out of means as undefined, and of which results', as a sentence."""
    names = {}
    for row in evaluation.rows:
        for part in filter(None, left_out(row, metrics).split(", ")):
            names.setdefault(part, []).append(row["name"])
    parts = [part + (" (%s)" % ", ".join(some) if len(some) < len(evaluation.rows) else "")
             for part, some in names.items()]
    return " Left out of means, as undefined: %s." % "; ".join(parts) if parts else ""


def agreement_table(evaluation):
    """The other metrics that ask for no threshold."""
    metrics = "rmse", "icc11", "ccc"
    return Table("agreement", "Other measures of agreement",
                 [column("result", ""), *(column(metric, title(metric), interval=True) for metric in metrics)],
                 [[row["name"], *(estimate(row, metric) for metric in metrics)] for row in evaluation.rows],
                 evaluation.protocol + "." + remarks(evaluation, metrics))


def pain_table(evaluation):
    """Pain or no pain, at every threshold."""
    rows = [[">= %d" % t, row["name"], *(estimate(row, "%s_%d" % (metric, t)) for metric in PAIN_METRICS)]
            for t in range(1, evaluation.top + 1) for row in evaluation.rows]
    return Table("pain", "Pain or no pain: is the intensity at least this?",
                 [column("threshold", "intensity"), column("result", ""),
                  *(column(metric, title(metric), interval=True) for metric in PAIN_METRICS)], rows,
                 evaluation.protocol + ". Units without positives or without negatives are left out.")


def comparison_table(evaluation):
    """Every two results, in every compared metric."""
    rows = [[title(metric), pair["a"], pair["b"], Estimate(pair["difference"], pair["low"], pair["high"]), pair["p"],
             pair["corrected"]] for metric, pairs in evaluation.comparisons.items() for pair in pairs]
    return Table("comparisons", "Differences between any two results, first less second",
                 [column("metric", "metric"), column("first", "first"), column("second", "second"),
                  column("difference", "difference", interval=True), column("p", "p", 4),
                  column("corrected_p", "corrected p", 4)], rows,
                 "%s. Intervals: bootstrap over subjects. p: two-sided permutation over subjects, %d draws, seed %d; "
                 "corrected by Holm within a metric." % (evaluation.protocol, evaluation.draws, evaluation.seed))


BREAKDOWN = [column("frames", "frames", 0), column("pain", "with pain"), column("mae", "MAE"), column("mse", "MSE"),
             column("pcc", "PCC"), column("bias", "bias")]


def subject_table(evaluation):
    """A row a result and subject."""
    keys = ["subject", "videos", *(one.key for one in BREAKDOWN)]
    return Table("subjects", "By subject", [column("result", "result"), column("subject", "subject"),
                                            column("videos", "videos", 0), *BREAKDOWN],
                 [[result.name, *(row[key] for key in keys)]
                  for result, rows in zip(evaluation.results, evaluation.subjects) for row in rows],
                 "with pain: the share of frames labelled above 0. bias: mean of prediction less label.")


def video_table(evaluation):
    """A row a result and video, a result's worst first."""
    keys = ["subject", "video", *(one.key for one in BREAKDOWN), "lag"]
    return Table("videos", "By video, worst first",
                 [column("result", "result"), column("subject", "subject"), column("video", "video"), *BREAKDOWN,
                  column("lag", "lag", 0)],
                 [[result.name, *(row[key] for key in keys)]
                  for result, rows in zip(evaluation.results[:evaluation.measured], evaluation.videos)
                  for row in sorted(rows, key=lambda row: -row["mae"])],
                 "lag: frames by which predictions follow the labels, where both vary.")


def lag_table(evaluation):
    """The lags of each result's videos: how many have one, and their quartiles."""
    rows = []
    for result, videos in zip(evaluation.results[:evaluation.measured], evaluation.videos):
        lags = [row["lag"] for row in videos if row["lag"] == row["lag"]]
        quartiles = np.percentile(lags, [25, 50, 75]).tolist() if lags else [np.nan] * 3
        rows.append([result.name, len(lags), *quartiles])
    return Table("lags", "Frames by which predictions follow the labels",
                 [column("result", ""), column("videos", "videos", 0), column("quarter", "a quarter below", 1),
                  column("median", "median", 1), column("three_quarters", "three quarters below", 1)], rows,
                 "By cross-correlation, of videos in which labels and predictions vary; at most %d frames either way."
                 % diagnosis.LAG)


def confusion_table(evaluation):
    """Labelled against predicted intensities of all frames."""
    rows = []
    for result in evaluation.results[:evaluation.measured]:
        for label, counts in enumerate(diagnosis.confusion(*frames_of(result), evaluation.top)):
            rows.append([result.name, "%d" % label, *counts.tolist()])
    return Table("confusion", "Labelled and predicted intensities",
                 [column("result", "result"), column("label", "label"),
                  *(column("predicted_%d" % c, "predicted %d" % c, 0) for c in range(evaluation.top + 1))], rows,
                 "Frames. Predictions are rounded, half up.")


def intensity_table(evaluation):
    """The error of all frames by their label."""
    rows = [[result.name, "%d" % label, frames, bias, mae] for result in evaluation.results[:evaluation.measured]
            for label, frames, bias, mae in diagnosis.by_intensity(*frames_of(result))]
    return Table("by_intensity", "Error by labelled intensity",
                 [column("result", "result"), column("label", "label"), column("frames", "frames", 0),
                  column("bias", "bias"), column("mae", "MAE")], rows, "bias: mean of prediction less label.")


def reliability_table(evaluation):
    """The mean label of frames predicted about alike."""
    rows = [[result.name, predicted, label, frames] for result in evaluation.results[:evaluation.measured]
            for predicted, label, frames in diagnosis.reliability(*frames_of(result), evaluation.top)]
    return Table("reliability", "What predictions mean",
                 [column("result", "result"), column("prediction", "mean prediction"), column("label", "mean label"),
                  column("frames", "frames", 0)], rows, "Frames in bins of %g of their prediction." % diagnosis.BIN)


# The page.

def write_page(evaluation, every_table, path):
    """Write the page of an Evaluation and its tables to `path`."""
    from jinja2 import Environment, FileSystemLoader
    from plotly.offline import get_plotlyjs
    environment = Environment(loader=FileSystemLoader(str(PAGE)), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["parts"] = lambda cell, one: tables.parts(cell, one.digits)
    environment.filters["number"] = tables.number
    named = {table.name: table for table in every_table}
    html = environment.get_template("page.html").render(
        evaluation=evaluation, tables=named, downloads=[(table, downloads(table)) for table in every_table],
        matrices=[(metric, title(metric), matrix(evaluation, metric)) for metric in COMPARED], sure=SURE,
        data=safe_json(page_data(evaluation)), style=(PAGE / "page.css").read_text(encoding="utf-8"),
        script=(PAGE / "page.js").read_text(encoding="utf-8"), plotly=get_plotlyjs())
    with replacing(path) as partial:
        partial.write_text(html, encoding="utf-8")


def downloads(table):
    """The table's files as links: (name, data address) of CSV, LaTeX and Markdown."""
    names, rows = tables.csv_table(table)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([names, *rows])
    return [(table.name + suffix, "data:text/%s;charset=utf-8;base64,%s" % (
        kind, base64.b64encode(content.encode("utf-8")).decode("ascii"))) for suffix, kind, content in (
            (".csv", "csv", text.getvalue()), (".tex", "plain", tables.latex(table)),
            (".md", "markdown", tables.markdown(table)))]


def matrix(evaluation, metric):
    """The comparisons in a metric as rows of cells: None, or the pair's dict as seen from the row, with `better`.

    better: 1 where the row's result is better than the column's beyond doubt, -1 where it is worse, 0 where it is open.
    """
    names = [row["name"] for row in evaluation.rows]
    cells = {(a, b): None for a in names for b in names}
    for pair in evaluation.comparisons[metric]:
        sign = -1 if metric in ERRORS else 1
        better = 0 if not pair["corrected"] < SURE else 1 if sign * pair["difference"] > 0 else -1
        cells[pair["a"], pair["b"]] = dict(pair, better=better)
        cells[pair["b"], pair["a"]] = dict(pair, better=-better, difference=-pair["difference"], low=-pair["high"],
                                           high=-pair["low"])
    return [(a, [cells[a, b] for b in names]) for a in names]


def page_data(evaluation):
    """What the page's script draws: a dict for JSON. Labels and predictions are base64 of uint8 and float32."""
    model = evaluation.results[0]
    starts = np.cumsum([0] + [len(video.label) for video in model.videos])
    numbers = [frame_numbers(video) for video in model.videos]
    measured = evaluation.results[:evaluation.measured]
    return dict(
        names=[result.name for result in evaluation.results], measured=evaluation.measured, top=evaluation.top,
        errors=sorted(ERRORS), titles={metric: title(metric) for metric in evaluation.rows[0]["over"]},
        videos=[dict(subject=video.subject, video=video.video or "", start=int(starts[v]), frames=len(video.label),
                     numbers=None if np.array_equal(numbers[v], np.arange(len(video.label)) + 1)
                     else numbers[v].tolist()) for v, video in enumerate(model.videos)],
        labels=base64_of(frames_of(model)[0], np.uint8),
        predictions=[base64_of(frames_of(result)[1], np.float32) for result in measured],
        of_video=[[{key: row[key] for key in ("mae", "mse", "pcc", "lag")} for row in rows]
                  for rows in evaluation.videos[:evaluation.measured]],
        of_subject=[[{key: row[key] for key in ("subject", "mae", "mse", "pcc", "bias", "pain")} for row in rows]
                    for rows in evaluation.subjects],
        figures=[{metric: [row[metric], *row["interval"][metric]] for metric in row["over"]}
                 for row in evaluation.rows],
        confusion=[diagnosis.confusion(*frames_of(result), evaluation.top).tolist() for result in measured],
        reliability=[diagnosis.reliability(*frames_of(result), evaluation.top) for result in measured],
        by_intensity=[diagnosis.by_intensity(*frames_of(result)) for result in measured])


def base64_of(values, dtype):
    """The little-endian bytes of `values` as base64 text."""
    return base64.b64encode(np.asarray(values).astype(np.dtype(dtype).newbyteorder("<")).tobytes()).decode("ascii")


def safe_json(data):
    """`data` as JSON that can stand within a script element, NaN as null."""
    return json.dumps(or_none(data), separators=(",", ":")).replace("<", "\\u003c")


def main():
    parser = Parser(__doc__)
    add_arguments(parser)
    parser.add_argument("--out", default="report", metavar="FOLDER", help="where it goes (default: %(default)s)")
    args = parser.parse_args()
    results, top = read_arguments(args)
    out = Path(args.out)
    if out.exists() and not out.is_dir():
        raise Problem("%s: is a file; name a folder" % out)
    evaluation = evaluate_all(results, top, args)
    every_table = all_tables(evaluation)
    for table in every_table:
        tables.write(table, out / "tables")
    draw_figures(evaluation, out / "figures")
    write_page(evaluation, every_table, out / "report.html")
    print("%s: open it in a browser; tables and figures beside it are for a paper" % (out / "report.html"))


if __name__ == "__main__":
    run(main)
