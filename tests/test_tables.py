"""pain.tables: the same cells as CSV, LaTeX and Markdown."""
import csv

import pytest

from pain import tables
from pain.tables import Column, Estimate, Table

NAN = float("nan")
TABLE = Table("some", "A 50 % table", [Column("result", "who|what"), Column("mae", "MAE", interval=True),
                                       Column("frames", "frames", 0)],
              [["a_b & c", Estimate(0.41649, 0.2844, 0.5749), 12], ["x|y", Estimate(NAN, NAN, NAN), None],
               ["z", Estimate(1, NAN, NAN), NAN], ["quoted", None, 7]], "of\nnote")


def test_csv_has_every_digit(tmp_path):
    paths = tables.write(TABLE, tmp_path / "new")
    assert [path.name for path in paths] == ["some.csv", "some.tex", "some.md"]
    with open(str(paths[0]), newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [
            ["result", "mae", "mae_low", "mae_high", "frames"], ["a_b & c", "0.41649", "0.2844", "0.5749", "12"],
            ["x|y", "", "", "", ""], ["z", "1", "", "", ""], ["quoted", "", "", "", "7"]]


def test_markdown():
    lines = tables.markdown(TABLE).splitlines()
    assert lines[0] == "**A 50 % table**" and lines[4] == "| a_b & c | 0.416 [0.284..0.575] | 12 |"
    assert lines[2] == r"| who\|what | MAE | frames |" and lines[3] == "| --- | --- | --- |"
    assert lines[5:8] == [r"| x\|y | - |  |", "| z | 1.000 | - |", "| quoted |  | 7 |"]


def test_an_interval_is_as_fine_as_its_figure():
    """0.997 within 1.00..1.00 would be outside of it."""
    cell = Estimate(0.99712, 0.99651, 0.99774)
    assert tables.parts(cell, 3) == ("0.997", "0.997..0.998") and tables.parts(cell, 2) == ("1.00", "1.00..1.00")


def test_latex():
    text = tables.latex(TABLE)
    assert r"\begin{tabular}{lrr}" in text and r"\caption{A 50 \% table}" in text
    assert r"a\_b \& c & 0.416 {\scriptsize [0.284, 0.575]} & 12 \\" in text and r"x|y & -- &  \\" in text
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert all(line.replace(r"\&", "").count("&") == 2 for line in body) and len(body) == 5
    assert "% of note" in text


@pytest.mark.parametrize("text, escaped", [
    ("100 % of $5 #1", r"100 \% of \$5 \#1"), ("a\\b~c^d", r"a\textbackslash{}b\textasciitilde{}c\textasciicircum{}d"),
    (">= 1 {x}", r"$>$= 1 \{x\}")])
def test_latex_escapes(text, escaped):
    assert tables.escape(text) == escaped
