"""The report's figures for a paper, drawn by matplotlib: each a PNG and a PDF."""
from textwrap import wrap

import numpy as np
from matplotlib import rc_context

from pain.evaluation import diagnosis
from pain.evaluation.frames import frames_of, in_order
from pain.evaluation.metrics import title
from pain.evaluation.paper_figure import draw_paper_figure
from pain.plots import new_figure, save_figure
from pain.variants import METRICS

COLORS = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195"  # Okabe and Ito's, and one more
GREY = "#888888"


def draw_figures(evaluation, folder):
    """Draw every figure of an Evaluation (of contents.py) into `folder`. Returns the paths, PNG and PDF of each."""
    made, figures = [], {name: drawing(evaluation) for name, drawing in FIGURES.items()}
    for swept in evaluation.sweeps:
        figures["sweep_" + swept.name] = sweep(swept)
    for name, figure in figures.items():
        box = figure.get_tightbbox(figure.canvas.get_renderer()).padded(0.1)  # once, and not for each format
        for suffix in ".png", ".pdf":
            made.append(folder / (name + suffix))
            with rc_context({"pdf.fonttype": 42}):  # text stays text
                save_figure(figure, made[-1], bbox_inches=box, dpi=200)
    return made


def color(evaluation, i):
    """The colour of the ith result; the trivial ones are grey."""
    return COLORS[i % len(COLORS)] if i < evaluation.measured else GREY


def plain(text):
    """`text` for matplotlib, to which a dollar sign is none."""
    return text.replace("$", r"\$")


def intervals(evaluation):
    """Each result's figure and interval, in the paper's metrics."""
    return of_rows([(row["name"], [(row[metric], *row["interval"][metric]) for metric in METRICS], color(evaluation, i))
                    for i, row in enumerate(evaluation.rows)])


def sweep(swept):
    """The same of a sweep's rows."""
    return of_rows([(name, cells, COLORS[0] if i < swept.measured else GREY)
                    for i, (name, *cells) in enumerate(swept.tables[0].rows)])


def of_rows(rows):
    """Figures and intervals of rows: name, (figure, low, high) in each of METRICS, and colour."""
    figure, axes = new_figure(11, 0.6 + 0.28 * len(rows), len(METRICS))
    for m, (one, metric) in enumerate(zip(axes, METRICS)):
        for i, (_, cells, of_row) in enumerate(rows):
            value, low, high = cells[m]
            one.plot([low, high], [i, i], color=of_row, linewidth=2)
            one.plot(value, i, "o", color=of_row, markersize=5)
        one.set_title(title(metric), fontsize=9)
        one.set_ylim(len(rows) - 0.5, -0.5)
        one.set_yticks(range(len(rows)))
        one.set_yticklabels([] if m else [plain(name) for name, _, _ in rows], fontsize=8)
        one.tick_params(labelsize=8)
    return figure


def subjects(evaluation):
    """The MAE of every subject."""
    names = [row["subject"] for row in evaluation.subjects[0]]
    figure, (axes,) = new_figure(max(4, 0.9 + 0.3 * len(names)), 3)
    for i, rows in enumerate(evaluation.subjects):
        axes.plot([row["mae"] for row in rows], "o" if i < evaluation.measured else "_", color=color(evaluation, i),
                  markersize=4 if i < evaluation.measured else 9, label=plain(evaluation.results[i].name))
    axes.set_xticks(range(len(names)))
    axes.set_xticklabels([plain(name) for name in names], rotation=90, fontsize=7)
    axes.set_ylabel("MAE")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=7, frameon=False, bbox_to_anchor=(1, 1))
    return figure


def calibration(evaluation):
    """Reliability, and the bias by labelled intensity."""
    figure, (left, right) = new_figure(8, 3, 2)
    figure.subplots_adjust(wspace=0.3)
    left.plot([0, evaluation.top], [0, evaluation.top], color="0.6", linewidth=0.8)
    for i, result in enumerate(evaluation.results[:evaluation.measured]):
        label, prediction = frames_of(result)
        points = np.array(diagnosis.reliability(label, prediction, evaluation.top))
        left.plot(points[:, 0], points[:, 1], "o-", color=color(evaluation, i), markersize=3, linewidth=1)
        errors = np.array(diagnosis.by_intensity(label, prediction))
        right.plot(errors[:, 0], errors[:, 2], "o-", color=color(evaluation, i), markersize=3, linewidth=1,
                   label=plain(result.name))
    left.set(xlabel="mean prediction", ylabel="mean label")
    right.set(xlabel="label", ylabel="mean of prediction - label")
    right.axhline(0, color="0.6", linewidth=0.8)
    right.legend(fontsize=7, frameon=False, bbox_to_anchor=(1, 1))
    return figure


def confusion(evaluation):
    """Labelled against predicted intensities, a panel a result, in shares of the label's frames."""
    figure, axes = new_figure(2.1 * evaluation.measured + 0.8, 2.4, evaluation.measured)
    for i, (one, result) in enumerate(zip(axes, evaluation.results)):
        counts = diagnosis.confusion(*frames_of(result), evaluation.top)
        shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
        one.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        one.grid(False)
        if evaluation.top < 10:
            for row, column in np.ndindex(*counts.shape):
                one.text(column, row, "%.0f" % (100 * shares[row, column]), ha="center", va="center", fontsize=6,
                         color="white" if shares[row, column] > 0.6 else "black")
        one.set_title(plain("\n".join(wrap(result.name, 26))), fontsize=6.5)
        one.set_xlabel("predicted, %", fontsize=8)
        one.set_ylabel("label" if i == 0 else "", fontsize=8)
        one.tick_params(labelsize=7)
        one.set_xticks(range(0, evaluation.top + 1, 1 if evaluation.top < 10 else 4))
        one.set_yticks(range(0, evaluation.top + 1, 1 if evaluation.top < 10 else 4))
    return figure


def curve(evaluation):
    """The video whose labels vary most, as the paper's figure 1."""
    results = evaluation.results[:evaluation.measured]
    v = int(np.argmax([video.label.std() for video in results[0].videos]))
    return draw_paper_figure([result.name for result in results], [in_order(result.videos[v]) for result in results],
                             evaluation.top, evaluation.warning)


FIGURES = {"intervals": intervals, "subjects": subjects, "calibration": calibration, "confusion": confusion,
           "curve": curve}
