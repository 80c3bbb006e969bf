"""The same rows trained with several seeds in one table, with intervals over seeds and subjects.

    python tools/compare_seeds.py seed-1/models seed-2/models --out comparison

    <out>/comparison.md     every row that the folders have, and what is trivial to predict; the same as .csv and .tex
    <out>/differences.md    every two rows' difference

tools/make_slim.py --seed writes nets and solvers of other seeds. pain/evaluation/seeds.py says what an interval is.
"""
from pain.command import run, starting

with starting(__name__):
    from pathlib import Path

    from pain.command_line import Parser
    from pain.errors import Problem
    from pain.evaluation.seeds import compare_seeds
    from pain.tables import markdown, write


def main():
    parser = Parser(__doc__)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODELS",
                        help="the folder of a seed's results, as models/ is")
    parser.add_argument("--out", type=Path, default=Path("."), help="where the tables go (default: %(default)s)")
    args = parser.parse_args()
    twice = [folder for folder in args.models if args.models.count(folder) > 1]
    if twice:
        raise Problem("%s: named twice; every seed has a folder of its own" % twice[0])
    rows, differences = compare_seeds(args.models)
    for table in rows, differences:
        write(table, args.out)
    print(markdown(rows))
    print("every two rows' difference: %s" % (args.out / "differences.md"))


if __name__ == "__main__":
    run(main)
