"""One HTML file of all that can be said of results: tables beside the paper's, intervals, comparisons, every curve.

    python tools/report.py models/smooth_l1 models/l1_center_l1 theirs.csv --out report

    report/report.html    self-contained: no network, no other file; light and dark; prints
    report/tables/        the same tables as CSV, LaTeX and Markdown
    report/figures/       figures for a paper, PNG and PDF

The page is pain/report/static/page.html, a Jinja template, with its style and script. plotly.js, embedded, draws it.
"""
from pain.command import run, starting

with starting(__name__):
    from pathlib import Path

    from pain import tables
    from pain.command_line import Parser
    from pain.errors import Problem
    from pain.evaluation.arguments import add_arguments, read_arguments
    from pain.evaluation.sweeps import read_swept
    from pain.report.contents import evaluate_all
    from pain.report.figures import draw_figures
    from pain.report.page import write_page
    from pain.report.tables import all_tables


def main():
    parser = Parser(__doc__)
    add_arguments(parser)
    parser.add_argument("--sweep", action="append", default=[], type=Path, metavar="FILE", help="a sweep's "
                        "..._subjects.csv, to be shown as well; may be given again")
    parser.add_argument("--out", default="report", metavar="FOLDER", help="where it goes (default: %(default)s)")
    args = parser.parse_args()
    results, scoring = read_arguments(args)
    out = Path(args.out)
    if out.exists() and not out.is_dir():
        raise Problem("%s: is a file; name a folder" % out)
    evaluation = evaluate_all(results, scoring, args.draws, args.seed, list(map(read_swept, args.sweep)))
    every_table = all_tables(evaluation)
    for table in every_table:
        tables.write(table, out / "tables")
    draw_figures(evaluation, out / "figures")
    write_page(evaluation, every_table, out / "report.html")
    print("%s: open it in a browser; tables and figures beside it are for a paper" % (out / "report.html"))


if __name__ == "__main__":
    run(main)
