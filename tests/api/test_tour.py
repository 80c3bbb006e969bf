"""docs/tour.ipynb: every cell runs, and what it shows is honest about the nets."""
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import pain
from pain.evaluation.results import COLUMNS
from pain.files import write_csv
from pain.notice import NOTICES
from pain.provenance import SYNTHETIC, Data, Origin, write_origin
from pain.video import sample
from support.project import ROOT

TOUR = ROOT / "docs" / "tour.ipynb"
RUN = """
import ast, json, sys

names = {"__name__": "__main__"}
for number, cell in enumerate(json.load(sys.stdin)):
    body = ast.parse(cell, "cell %d" % number).body
    shown = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "cell %d" % number, "exec"), names)
    if shown:  # as a notebook shows the value of a cell's last line
        value = eval(compile(ast.Expression(shown.value), "cell %d" % number, "eval"), names)
        if value is not None:
            print(len(value._repr_png_()) if hasattr(value, "_repr_png_") else value)
"""


def cells(kind):
    """The notebook's cells of a kind, dicts with their source as one str."""
    notebook = json.loads(TOUR.read_text(encoding="utf-8"))
    return [dict(cell, source="".join(cell["source"])) for cell in notebook["cells"] if cell["cell_type"] == kind]


@pytest.fixture
def demo(models, tmp_path):
    """A folder like that of `make demo`: nets of two folds, what they predicted, and a sample with its labels."""
    folder = tmp_path / "demo"
    shutil.copytree(str(models.parent.parent), str(folder))
    (folder / "models" / "smooth_l1").rename(folder / "models" / "smooth_l1_center_l1_sampling")
    random = np.random.RandomState(0)
    for fold in (folder / "models").glob("*/*/"):
        origin = Origin(Data(SYNTHETIC, 2, 60, (10,) * 6, (fold.name,)), "mse", 10)
        write_origin(fold / "pain_iter_10.caffemodel", origin)
        write_csv(fold / "predictions.csv", COLUMNS,
                  [(fold.name, "v", i, i % 6, "%.3f" % (i % 6 + random.normal())) for i in range(12)])
    drawn = list(sample.draw(frames=20))
    sample.write_video(folder / "sample.mp4", [image for image, _ in drawn])
    write_csv(folder / "sample.csv", ("frame", "label"), enumerate(label for _, label in drawn))
    (tmp_path / "docs").mkdir()
    return folder


def test_every_cell_runs(demo):
    pytest.importorskip("pandas")
    sources = [cell["source"] for cell in cells("code")]
    done = subprocess.run([sys.executable, "-c", RUN], input=json.dumps(sources), cwd=str(demo.parent / "docs"),
                          env=dict(os.environ, PYTHONPATH=str(ROOT / "tools")), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert NOTICES[SYNTHETIC] in done.stdout and "nowhere.mp4: no such file" in done.stdout
    assert (demo / "tour" / "curve.json").exists()


def test_it_shows_every_call():
    code = "\n".join(cell["source"] for cell in cells("code"))
    assert [name for name in pain.NAMES if "pain.%s(" % name not in code and name not in ("Curve", "quantised")] == []


def test_what_it_shows_is_honest_and_of_no_machine():
    outputs = json.dumps([cell["outputs"] for cell in cells("code")])
    assert NOTICES[SYNTHETIC] in outputs and "image/png" in outputs
    assert not any(folder in outputs for folder in ("/root", "/home", "/tmp", "/work"))
    assert "drawn faces" in cells("markdown")[0]["source"]
    assert all(len(cell["source"].splitlines()) <= 12 for cell in cells("code") + cells("markdown"))  # a screenful each
