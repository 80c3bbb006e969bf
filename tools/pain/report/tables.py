"""The report's tables."""
import numpy as np

from pain.errors import Problem
from pain.evaluation import diagnosis
from pain.evaluation.frames import frames_of
from pain.evaluation.metrics import PAIN_METRICS, title
from pain.evaluation.printing import TABLES, left_out, not_quoted
from pain.evaluation.published import PUBLISHED, VERDICTS
from pain.tables import Column, Estimate, Table
from pain.variants import METRICS, VARIANTS, printed

SURE = 0.05  # corrected p below which a difference is shown as one


def all_tables(evaluation):
    """Every table of the report, a list of Table. Raises Problem where sweeps have one name."""
    papers = [paper_table(evaluation, heading, metrics) for heading, metrics in TABLES.items()]
    every = papers + [table(evaluation) for table in (
        agreement_table, pain_table, comparison_table, subject_table, video_table, lag_table, confusion_table,
        intensity_table, reliability_table)] + [published_table()]
    for swept in evaluation.sweeps:
        for table in sweep_tables(swept):
            if table.name in [other.name for other in every]:
                raise Problem("--sweep: two are called %s; call one otherwise" % swept.name)
            every.append(table)
    return every


def sweep_tables(swept):
    """A Swept's tables, under names that the report's own do not have."""
    return [table._replace(name="sweep_" + table.name) for table in swept.tables]


def estimate(row, metric):
    """A figure of an evaluate() row with its interval."""
    return Estimate(row[metric], *row["interval"][metric])


def paper_table(evaluation, heading, metrics):
    """One of the paper's tables: measured and printed side by side, and the rows that only the paper has."""
    columns, measured = [Column("result", "")], {row["name"]: row for row in evaluation.rows}
    rows = [[name] for name in dict.fromkeys([*measured, *(variant.title for variant in VARIANTS)])]
    for metric in metrics:
        columns.append(Column(metric, title(metric), interval=True))
        for row in rows:
            row.append(estimate(measured[row[0]], metric) if row[0] in measured else None)
        if metric in METRICS:
            columns.append(Column(metric + "_paper", "paper"))
            for row in rows:
                row.append(printed(row[0], evaluation.scoring).get(metric, np.nan))
    rows = [row for row in rows if row[0] in measured or any(cell == cell and cell is not None for cell in row[1:])]
    return Table(heading.lower().replace(" ", "_"), heading + ", measured and in the paper", columns, rows,
                 "%s. 95 %% intervals of %d draws of subjects, seed %d. paper: its printed figures, on UNBC-McMaster"
                 "%s.%s%s" % (evaluation.protocol, evaluation.draws, evaluation.seed, but_for(evaluation, metrics),
                              remarks(evaluation, metrics),
                              "".join(" Nets of %s." % line for line in evaluation.nets)))


def but_for(evaluation, metrics):
    """Which of the paper's figures are not shown, as they are of other frames, subjects or scales; or nothing."""
    others = not_quoted(evaluation.scoring, metrics)
    return ", but for those scored otherwise (%s)" % others if others else ""


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
                 [Column("result", ""), *(Column(metric, title(metric), interval=True) for metric in metrics)],
                 [[row["name"], *(estimate(row, metric) for metric in metrics)] for row in evaluation.rows],
                 evaluation.protocol + "." + remarks(evaluation, metrics))


def pain_table(evaluation):
    """Pain or no pain, at every threshold."""
    rows = [[">= %d" % t, row["name"], *(estimate(row, "%s_%d" % (metric, t)) for metric in PAIN_METRICS)]
            for t in range(1, evaluation.top + 1) for row in evaluation.rows]
    return Table("pain", "Pain or no pain: is the intensity at least this?",
                 [Column("threshold", "intensity"), Column("result", ""),
                  *(Column(metric, title(metric), interval=True) for metric in PAIN_METRICS)], rows,
                 evaluation.protocol + ". Units without positives or without negatives are left out.")


def comparison_table(evaluation):
    """Every two results, in every compared metric."""
    rows = [[title(metric), pair["a"], pair["b"], Estimate(pair["difference"], pair["low"], pair["high"]), pair["p"],
             pair["corrected"]] for metric, pairs in evaluation.comparisons.items() for pair in pairs]
    return Table("comparisons", "Differences between any two results, first less second",
                 [Column("metric", "metric"), Column("first", "first"), Column("second", "second"),
                  Column("difference", "difference", interval=True), Column("p", "p", 4),
                  Column("corrected_p", "corrected p", 4)], rows,
                 "%s. Intervals: bootstrap over subjects. p: two-sided permutation over subjects, %d draws, seed %d; "
                 "corrected by Holm within a metric." % (evaluation.protocol, evaluation.draws, evaluation.seed))


BREAKDOWN = [Column("frames", "frames", 0), Column("pain", "with pain"), Column("mae", "MAE"), Column("mse", "MSE"),
             Column("pcc", "PCC"), Column("bias", "bias")]


def subject_table(evaluation):
    """A row a result and subject."""
    keys = ["subject", "videos", *(one.key for one in BREAKDOWN)]
    return Table("subjects", "By subject", [Column("result", "result"), Column("subject", "subject"),
                                            Column("videos", "videos", 0), *BREAKDOWN],
                 [[result.name, *(row[key] for key in keys)]
                  for result, rows in zip(evaluation.results, evaluation.subjects) for row in rows],
                 "with pain: the share of frames labelled above 0. bias: mean of prediction less label.")


def video_table(evaluation):
    """A row a result and video, a result's worst first."""
    keys = ["subject", "video", *(one.key for one in BREAKDOWN), "lag"]
    return Table("videos", "By video, worst first",
                 [Column("result", "result"), Column("subject", "subject"), Column("video", "video"), *BREAKDOWN,
                  Column("lag", "lag", 0)],
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
                 [Column("result", ""), Column("videos", "videos", 0), Column("quarter", "a quarter below", 1),
                  Column("median", "median", 1), Column("three_quarters", "three quarters below", 1)], rows,
                 "By cross-correlation, of videos in which labels and predictions vary; at most %d frames either way."
                 % diagnosis.LAG)


def confusion_table(evaluation):
    """Labelled against predicted intensities of all frames."""
    rows = []
    for result in evaluation.results[:evaluation.measured]:
        for label, counts in enumerate(diagnosis.confusion(*frames_of(result), evaluation.top)):
            rows.append([result.name, "%d" % label, *counts.tolist()])
    return Table("confusion", "Labelled and predicted intensities",
                 [Column("result", "result"), Column("label", "label"),
                  *(Column("predicted_%d" % c, "predicted %d" % c, 0) for c in range(evaluation.top + 1))], rows,
                 "Frames. Predictions are rounded, half up.")


def intensity_table(evaluation):
    """The error of all frames by their label."""
    rows = [[result.name, "%d" % label, frames, bias, mae] for result in evaluation.results[:evaluation.measured]
            for label, frames, bias, mae in diagnosis.by_intensity(*frames_of(result))]
    return Table("by_intensity", "Error by labelled intensity",
                 [Column("result", "result"), Column("label", "label"), Column("frames", "frames", 0),
                  Column("bias", "bias"), Column("mae", "MAE")], rows, "bias: mean of prediction less label.")


def reliability_table(evaluation):
    """The mean label of frames predicted about alike."""
    rows = [[result.name, predicted, label, frames] for result in evaluation.results[:evaluation.measured]
            for predicted, label, frames in diagnosis.reliability(*frames_of(result), evaluation.top)]
    return Table("reliability", "What predictions mean",
                 [Column("result", "result"), Column("prediction", "mean prediction"), Column("label", "mean label"),
                  Column("frames", "frames", 0)], rows, "Frames in bins of %g of their prediction." % diagnosis.BIN)


def published_table():
    """What others have published, and whether it may be compared."""
    metrics = list(dict.fromkeys(metric for one in PUBLISHED for metric in one.figures))
    return Table("published", "Published on UNBC-McMaster, and whether it may stand beside the paper's rows",
                 [Column("work", "work"), *(Column(metric, title(metric)) for metric in metrics),
                  Column("comparable", "comparable"), Column("why", "of what")],
                 [[one.work, *map(one.figures.get, metrics), VERDICTS[one.comparable], one.why] for one in PUBLISHED],
                 "Figures of other frames, scales, subjects or folds say nothing beside those above.")
