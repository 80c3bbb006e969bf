"""Variants with several starts, seeds and solver settings trained, predicted and compared, as a grid.yaml says:

    variants: [smooth_l1, smooth_l1_center_l1_sampling]
    starts: [scratch, frozen, finetuned]    of the trunk; default: finetuned with --weights, else scratch
    seeds: [1, 2, 3]                        default: 1
    settings:                               of the solvers; every combination is trained
      base_lr: [0.001, 0.0003]
      max_iter: [5000]
    folds: [1, 2]                           their numbers; default: all
    choose: wmae                            in every fold, choose the setting by its training subjects alone
    groups: 3                               in which these are left out in turn to choose by

    <out>/grid.md                every row, with intervals over seeds and subjects; the same as .csv and .tex
    <out>/grid_differences.md    every two rows' difference
    <out>/grid_subjects.csv      the figures of every row, seed and subject; report.py --sweep shows them

What is finished is not done again. --where has a cluster do it (docs/scale.md). pain/evaluation/seeds.py says what an
interval is.
"""
from pain.command import run, starting

with starting(__name__):
    from pathlib import Path

    from pain.command_line import Parser
    from pain.errors import Problem
    from pain.tables import markdown, write
    from pain.training.arguments import add_arguments, where_of
    from pain.training.fold_trainings import select_folds
    from pain.training.sweep import Sweep, read_grid


def main():
    parser = Parser(__doc__)
    parser.add_argument("grid", type=Path, help="what is swept, a YAML file, after which the tables are called")
    parser.add_argument("--weights", help="the trunk: a caffemodel to fine-tune from (default: start from scratch)")
    parser.add_argument("--prototxt", default="prototxt", help="the nets and solvers (default: %(default)s)")
    parser.add_argument("--out", default="models/sweep", help="where results go (default: %(default)s)")
    parser.add_argument("--seeds", type=int, metavar="N", help="seeds 1 to N, in place of the grid's")
    add_arguments(parser, one_fold=False)
    args = parser.parse_args()
    grid = read_grid(args.grid)
    if args.seeds is not None and args.seeds < 1:
        raise Problem("--seeds takes 1 or more")
    if args.seeds:
        grid = grid._replace(seeds=list(range(1, args.seeds + 1)))
    sweep = Sweep(grid, select_folds(args.folds), args.prototxt, args.weights, args.out)
    with where_of(args) as where:
        swept = sweep.see_through(args.grid.stem, args.caffe, args.gpu, where)
    for table in swept.tables:
        write(table, Path(args.out))
    print(markdown(swept.tables[0]))


if __name__ == "__main__":
    run(main)
