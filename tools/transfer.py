"""Does fine-tuning from a verification trunk help? Every fold with several seeds, from scratch, frozen, fine-tuned.

    <out>/scratch/seed-1/models/<variant>/NN-subject/      the trunk begins at random
    <out>/frozen/seed-1/...                                it is the one of --weights, and stays
    <out>/finetuned/seed-1/...                             it is that one, and learns on; and every other variant, too
                    prototxt/                              the net and the solvers with that seed
    <out>/starts.md, variants.md, differences.md, and the same as .csv and .tex    what came out

One training is nothing but train.py's. What is finished is not done again, so that the command goes on after Ctrl-C.
Intervals are a percentile bootstrap over subjects and seeds: both are drawn with replacement, 10,000 times, and the
figure of a draw is the mean over its pairs of a seed and a subject; differences are taken pair by pair.
"""
from pain.command import run, starting

with starting(__name__):
    from pathlib import Path

    from pain.command_line import Parser
    from pain.errors import Problem
    from pain.tables import markdown, write
    from pain.training.arguments import add_arguments, where_of
    from pain.training.fold_trainings import select_folds
    from pain.training.transfer import transfer


def main():
    parser = Parser(__doc__)
    parser.add_argument("--weights", required=True, help="the trunk: a caffemodel, as `make pretrain` makes")
    parser.add_argument("--prototxt", default="prototxt", help="the nets and solvers (default: %(default)s)")
    parser.add_argument("--out", default="models/transfer", help="where results go (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each kind (default: %(default)s)")
    parser.add_argument("--starts-only", action="store_true", help="leave out the other variants")
    add_arguments(parser, one_fold=False)
    args = parser.parse_args()
    if args.seeds < 1:
        raise Problem("--seeds takes 1 or more")
    with where_of(args) as where:
        tables = transfer(select_folds(args.folds), args.prototxt, args.weights, args.out, args.seeds,
                          not args.starts_only, args.caffe, args.gpu, where)
    for table in tables:
        write(table, Path(args.out))
        print(markdown(table))


if __name__ == "__main__":
    run(main)
