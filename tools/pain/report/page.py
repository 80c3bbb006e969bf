"""The report as one HTML file."""
import base64
import csv
import io
import json
from pathlib import Path

import numpy as np

from pain import tables
from pain.evaluation import diagnosis
from pain.evaluation.frames import frame_numbers, frames_of
from pain.evaluation.metrics import ERRORS, title
from pain.files import or_none, replacing
from pain.report.contents import COMPARED
from pain.report.tables import SURE

PAGE = Path(__file__).resolve().parent / "static"


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
    """What the page's script draws: a dict for JSON. Labels and predictions are base64 of float32."""
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
        labels=base64_of(frames_of(model)[0]),
        predictions=[base64_of(frames_of(result)[1]) for result in measured],
        of_video=[[{key: row[key] for key in ("mae", "mse", "pcc", "lag")} for row in rows]
                  for rows in evaluation.videos[:evaluation.measured]],
        of_subject=[[{key: row[key] for key in ("subject", "mae", "mse", "pcc", "bias", "pain")} for row in rows]
                    for rows in evaluation.subjects],
        figures=[{metric: [row[metric], *row["interval"][metric]] for metric in row["over"]}
                 for row in evaluation.rows],
        confusion=[diagnosis.confusion(*frames_of(result), evaluation.top).tolist() for result in measured],
        reliability=[diagnosis.reliability(*frames_of(result), evaluation.top) for result in measured],
        by_intensity=[diagnosis.by_intensity(*frames_of(result)) for result in measured])


def base64_of(values):
    """`values` as base64 text of little-endian float32."""
    return base64.b64encode(np.asarray(values).astype("<f4").tobytes()).decode("ascii")


def safe_json(data):
    """`data` as JSON that can stand within a script element, NaN as null."""
    return json.dumps(or_none(data), separators=(",", ":")).replace("<", "\\u003c")
