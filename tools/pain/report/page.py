"""The report as one HTML file."""
import base64
from pathlib import Path

import numpy as np

from pain.documents.document import safe_json, write_document
from pain.evaluation import diagnosis
from pain.evaluation.frames import frame_numbers, frames_of
from pain.evaluation.metrics import ERRORS, title
from pain.report.contents import COMPARED
from pain.report.tables import SURE, sweep_tables
from pain.variants import METRICS

PAGE = Path(__file__).resolve().parent / "static"


def write_page(evaluation, every_table, path):
    """Write the page of an Evaluation and its tables to `path`."""
    from plotly.offline import get_plotlyjs
    write_document(path, PAGE, "page.html", "page.css", "page.js", evaluation=evaluation,
                   tables={table.name: table for table in every_table}, sure=SURE, plotly=get_plotlyjs(),
                   matrices=[(metric, title(metric), matrix(evaluation, metric)) for metric in COMPARED],
                   sweeps=[(swept, *sweep_tables(swept)) for swept in evaluation.sweeps],
                   data=safe_json(page_data(evaluation)))


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
        sweeps=[dict(measured=swept.measured, rows=[dict(name=name, figures=dict(zip(METRICS, cells)))
                                                    for name, *cells in swept.tables[0].rows])
                for swept in evaluation.sweeps],
        confusion=[diagnosis.confusion(*frames_of(result), evaluation.top).tolist() for result in measured],
        reliability=[diagnosis.reliability(*frames_of(result), evaluation.top) for result in measured],
        by_intensity=[diagnosis.by_intensity(*frames_of(result)) for result in measured])


def base64_of(values):
    """`values` as base64 text of little-endian float32."""
    return base64.b64encode(np.asarray(values).astype("<f4").tobytes()).decode("ascii")
