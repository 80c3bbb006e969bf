"""What was evaluated, in words: which tables there are, rows and comparisons as text, and rows as those of a CSV."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable, Sequence

import numpy as np

from pain.datasets.pspi import MAX_PSPI
from pain.evaluation.frame_sets import FRAME_SETS
from pain.evaluation.metrics import METRICS, PAIN_METRICS, title
from pain.evaluation.protocols import units
from pain.files import or_none
from pain.variants import VARIANTS

if TYPE_CHECKING:
    from pain.evaluation.frames import Result
    from pain.variants import Scoring

TABLES = {"Table 1": ("mae", "mse", "pcc", "icc31"), "Table 2": ("wmae", "wmse")}  # the paper's
MORE_TABLES = {"Agreement": ("rmse", "icc11", "ccc")}


def tables(top: int, every: bool) -> dict[str, tuple[str, ...]]:
    """{heading: names of metrics}: the paper's two tables, and if `every` all others, for labels 0..top."""
    pain = {"Intensity %d or more" % t: tuple("%s_%d" % (name, t) for name in PAIN_METRICS) for t in range(1, top + 1)}
    return dict(TABLES, **MORE_TABLES, **pain) if every else TABLES


def in_words(scoring: Scoring) -> list[str]:
    """What figures are of, in words: the protocol, the scale, the frames, the subjects."""
    return ["protocol " + scoring.protocol,
            "%s 0..%d" % ("PSPI" if scoring.top == MAX_PSPI else "intensities", scoring.top),
            FRAME_SETS[scoring.frames][0],
            "all subjects" if scoring.subjects == "all" else "only subjects with pain"]


def protocol_name(scoring: Scoring, groups: list[list[Result]]) -> str:
    """What the tables are of, in words: the protocol in all its parts, and how much data."""
    protocol, *others = in_words(scoring)
    return "%s (%s), %s: %s" % (
        protocol.capitalize(), "all frames at once" if scoring.protocol == "pooled"
        else "means over %ss" % scoring.protocol, ", ".join(others), sizes(groups))


def not_quoted(scoring: Scoring, metrics: Iterable[str]) -> str:
    """The paper's rows with some of `metrics` that are scored otherwise, and how, as `RCR (PSPI 0..16)`; or ""."""
    others = {}
    for variant in VARIANTS:
        if variant.scoring != scoring and set(variant.printed) & set(metrics):
            others.setdefault(variant.scoring, []).append(variant.title)
    return ", ".join("%s (%s)" % (", ".join(titles), ", ".join(
        part for part in in_words(other) if part not in in_words(scoring))) for other, titles in others.items())


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


def table_text(heading: str, rows: list[dict[str, Any]], metrics: Sequence[str], scoring: Scoring) -> str:
    """A table of `rows`, as score() gives them, and the paper's rows of the same scoring, in columns of `metrics`."""
    paper = [dict(dict.fromkeys(METRICS, np.nan), **variant.printed, name=variant.title) for variant in VARIANTS
             if variant.scoring == scoring]
    width = max(len(row["name"]) for row in rows + paper)
    lines = [heading, (" " * (width + 10) + "".join("%8s%14s" % (title(metric), "") for metric in metrics)).rstrip()]
    for row in rows + [row for row in paper if not np.isnan([row.get(metric, np.nan) for metric in metrics]).all()]:
        line = "%-*s  %-8s" % (width, row["name"], "measured" if "over" in row else "quoted")
        for metric in metrics:
            low, high = row.get("interval", {}).get(metric, (np.nan, np.nan))
            line += "%8s%-14s" % (decimals(row[metric]), "" if np.isnan(low) else " %.3f..%.3f" % (low, high))
        lines.append(line.rstrip())
    lines += ["left out of %s, as undefined: %s" % (row["name"], left_out(row, metrics)) for row in rows
              if left_out(row, metrics)]
    elsewhere = not_quoted(scoring, metrics)
    lines += ["not quoted, as scored otherwise: " + elsewhere] if elsewhere else []
    return "\n".join(lines) + "\n"


def decimals(value: float) -> str:
    """A figure with three decimals, `-` where it is undefined."""
    return "-" if np.isnan(value) else "%.3f" % value


def left_out(row: dict[str, Any], metrics: Iterable[str]) -> str:
    """The units of a measured row in which some of `metrics` are undefined, `PCC 1 of 25`, empty if there are none."""
    units_of = row["over"]["mae"]  # an MAE is never undefined
    missing = ["%s %d of %d" % (title(metric), units_of - row["over"][metric], units_of)
               for metric in metrics if row["over"][metric] < units_of]
    return ", ".join(missing)


def comparisons_text(metric: str, pairs: list[dict[str, Any]]) -> str:
    """compare_all()'s list of a metric as a table."""
    lines = ["Differences in %s, first less second, with 95 %% interval; p, and p corrected for %d comparisons"
             % (title(metric), len(pairs))]
    width = max(len(pair["a"]) + len(pair["b"]) for pair in pairs) + 6
    for pair in pairs:
        interval = "" if np.isnan(pair["low"]) else "%+.3f..%+.3f" % (pair["low"], pair["high"])
        difference, p, corrected = (form % pair[field] if pair[field] == pair[field] else "-" for field, form in (
            ("difference", "%+.3f"), ("p", "%.4f"), ("corrected", "%.4f")))
        lines.append("%-*s%8s %16s   p %-6s  corrected %s"
                     % (width, "%s  -  %s" % (pair["a"], pair["b"]), difference, interval, p, corrected))
    return "\n".join(lines) + "\n"


def wide(rows: list[dict[str, Any]], metrics: Iterable[str]) -> tuple[list[str], list[Iterable]]:
    """The columns and the rows of the measured rows as CSV: figures, then over_, low_ and high_ of each."""
    columns = ["name", "protocol", *metrics, *(part + name for part in ("over_", "low_", "high_") for name in metrics)]
    return columns, [map(or_none, [row["name"], row["protocol"], *(row[name] for name in metrics),
                                   *row["over"].values(), *(end[0] for end in row["interval"].values()),
                                   *(end[1] for end in row["interval"].values())]) for row in rows]
