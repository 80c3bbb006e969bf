"""One HTML file with all that it needs: style, script and data stand in it, and it loads nothing from anywhere.

static/base.html is what such files have in common, static/base.css how they look: light, dark and printed, on a
telephone, too. static/tables.html shows pain.tables.Tables.
"""
import base64
import csv
import io
import json
from pathlib import Path

from pain import tables
from pain.files import or_none, replacing

BASE = Path(__file__).resolve().parent / "static"


def write_document(path, folder, template, style, script, **values):
    """Write the HTML file `path`, whole or not at all.

    folder: where the Jinja template, which extends base.html, the style and the script are, by their names; values: for
    the template. Raises ImportError where jinja2 is missing.
    """
    from jinja2 import Environment, FileSystemLoader
    environment = Environment(loader=FileSystemLoader([str(folder), str(BASE)]), autoescape=True, trim_blocks=True,
                              lstrip_blocks=True)
    environment.filters["parts"] = lambda cell, column: tables.parts(cell, column.digits)
    environment.filters["number"] = tables.number
    html = environment.get_template(template).render(
        style=read(BASE / "base.css") + read(folder / style), script=read(folder / script), downloads=downloads,
        **values)
    with replacing(path) as partial:
        partial.write_text(html, encoding="utf-8")


def read(path):
    """A text file of ours."""
    return path.read_text(encoding="utf-8")


def downloads(table):
    """The table's files as links: (name, data address) of CSV, LaTeX and Markdown."""
    return [(table.name + ".csv", csv_address(*tables.csv_table(table))),
            (table.name + ".tex", address("plain", tables.latex(table))),
            (table.name + ".md", address("markdown", tables.markdown(table)))]


def csv_address(names, rows):
    """The data address of a CSV file with these columns and rows."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([names, *rows])
    return address("csv", text.getvalue())


def address(kind, content):
    """The data address of a text of this kind."""
    return "data:text/%s;charset=utf-8;base64,%s" % (kind, base64.b64encode(content.encode("utf-8")).decode("ascii"))


def safe_json(data):
    """`data` as JSON that can stand within a script element, NaN as null."""
    return json.dumps(or_none(data), separators=(",", ":")).replace("<", "\\u003c")
