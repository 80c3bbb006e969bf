"""A table once, written as CSV, LaTeX and Markdown, and given to the report's page.

A cell is a text, a number, NaN (undefined) or None (nothing), or an Estimate: a figure with its interval. CSV has every
digit, and the interval in two more columns; the others are rounded to the column's digits.
"""
from __future__ import annotations

from typing import NamedTuple

from pain.files import replacing, write_csv


class Estimate(NamedTuple):
    """A figure with its interval, NaN where it is undefined."""

    figure: float
    low: float
    high: float


class Column(NamedTuple):
    """A column of a Table."""

    key: str  # its name in CSV
    title: str  # for people
    digits: int = 3  # decimals of its numbers
    interval: bool = False  # whether it has Estimates


class Table(NamedTuple):
    """A table."""

    name: str  # of its files
    title: str
    columns: list[Column]
    rows: list[list]  # of cells
    note: str  # what stands below it


def number(value, digits):
    """A cell's number, or text, as people read it: `-` where it is undefined, empty where there is nothing."""
    if value is None or isinstance(value, str):
        return value or ""
    return "-" if value != value else "%d" % value if digits == 0 else "%.*f" % (digits, value)


def parts(cell, digits):
    """A cell as (text, interval or empty): ("0.416", "0.291..0.582")."""
    if not isinstance(cell, Estimate):
        return number(cell, digits), ""
    if cell.low != cell.low:
        return number(cell.figure, digits), ""
    return number(cell.figure, digits), "%.*f..%.*f" % (digits, cell.low, digits, cell.high)


def texts(table, form):
    """The table's cells as strings, rows of them; form(text, interval) makes a string of parts()."""
    return [[form(*parts(cell, column.digits)) for cell, column in zip(row, table.columns)] for row in table.rows]


def markdown(table):
    """The table as Markdown, its title above and its note below."""
    def form(text, interval=""):
        return (text + (" [%s]" % interval if interval else "")).replace("\\", "\\\\").replace("|", "\\|")

    rows = [[form(column.title) for column in table.columns], ["---"] * len(table.columns), *texts(table, form)]
    return "\n".join(["**%s**" % table.title, "", *("| %s |" % " | ".join(row) for row in rows), "", table.note, ""])


def latex(table):
    """The table as a LaTeX table environment that needs no package."""
    def form(text, interval):
        text = "--" if text == "-" else escape(text)
        return text + (r" {\scriptsize [%s]}" % interval.replace("..", ", ") if interval else "")

    numeric = [any(not isinstance(row[i], str) for row in table.rows) for i in range(len(table.columns))]
    lines = [r"\begin{table}", r"\caption{%s}" % escape(table.title),
             r"\begin{tabular}{%s}" % "".join("r" if right else "l" for right in numeric), r"\hline",
             " & ".join(escape(column.title) for column in table.columns) + r" \\", r"\hline"]
    lines += [" & ".join(row) + r" \\" for row in texts(table, form)]
    note = "% " + table.note.replace("\n", " ")
    return "\n".join(lines + [r"\hline", r"\end{tabular}", note, r"\end{table}", ""])


def escape(text):
    """`text` with what is special in LaTeX escaped."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", ">": "$>$", "<": "$<$",
               **{c: "\\" + c for c in "&%$#_{}"}}
    return "".join(special.get(c, c) for c in text)


def csv_table(table):
    """The column names and the rows of the table as CSV."""
    names, rows = [], [[] for _ in table.rows]
    for i, column in enumerate(table.columns):
        names += [column.key, *(column.key + end for end in ("_low", "_high") if column.interval)]
        for row, cells in zip(rows, table.rows):
            values = cells[i] if isinstance(cells[i], Estimate) else (cells[i], None, None)
            row += [None if value != value else value for value in (values if column.interval else values[:1])]
    return names, rows


def write(table, folder):
    """Write the table as <name>.csv, .tex and .md into `folder`. Returns their paths."""
    write_csv(folder / (table.name + ".csv"), *csv_table(table))
    for suffix, text in (".tex", latex(table)), (".md", markdown(table)):
        with replacing(folder / (table.name + suffix)) as partial:
            partial.write_text(text, encoding="utf-8")
    return [folder / (table.name + suffix) for suffix in (".csv", ".tex", ".md")]
