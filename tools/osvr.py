"""OSVR-l1 and OSVR-l2 fold by fold on aligned faces: rows of the tables that the paper only quotes.

    data/aligned + data/folds ──> models/osvr_l1/NN-subject/predictions.csv, and so for osvr_l2
                                                            osvr.json    gamma, iterations, objective

Features are landmarks, LBP and Gabor (pain/baselines/features.py), each kind's PCA and scale learned from the training
subjects alone. They are kept in data/features, and made once. A fold that is there, made from the same, is left alone.
"""
from pain.command import run, starting

with starting(__name__):
    import itertools
    import os

    from pain.baselines.osvr import OSVR, check_parameters
    from pain.baselines.osvr_folds import Fold, Inputs, VideoFeatures
    from pain.command_line import Parser
    from pain.errors import Problem
    from pain.pieces.arguments import add_where, read_where
    from pain.training.fold_trainings import select_folds

GRID = (1.0, 10.0, 100.0), (0.1, 1.0)  # of gamma1 and gamma2: a part of the authors' 0.01..1000, which takes days


def parse():
    parser = Parser(__doc__)
    parser.add_argument("--aligned", default="data/aligned", help="where `make align` put them (default: %(default)s)")
    parser.add_argument("--folds", default="data/folds", help="where `make folds` put them (default: %(default)s)")
    parser.add_argument("--models", default="models", help="where the rows go (default: %(default)s)")
    parser.add_argument("--cache", default="data/features", help="where features are kept (default: %(default)s)")
    parser.add_argument("--fold", type=int, help="only the fold of this number (default: all)")
    parser.add_argument("--loss", type=int, nargs="+", choices=(1, 2), default=[1, 2], help="default: both")
    parser.add_argument("--gamma", type=float, nargs=2, default=(100.0, 1.0), metavar=("FRAMES", "PAIRS"),
                        help="the weights of labels and of order (default: the authors', 100 1)")
    parser.add_argument("--choose", type=int, metavar="GROUPS",
                        help="choose gamma anew in every fold, of %s and %s, by the mean PCC of its training subjects, "
                        "left out in so many groups" % GRID)
    parser.add_argument("--converged", action="store_true", help="go on to the optimum (default: 300 iterations)")
    parser.add_argument("--key-frames", action="store_true",
                        help="learn from the labels of each video's first frame, apex and last one only")
    parser.add_argument("--archive", help="the folder with AAM_landmarks, to take its 66 points instead of MTCNN's 5")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(),
                        help="processes that make features (default: %(default)s)")
    add_where(parser)
    args = parser.parse_args()
    if args.jobs < 1 or args.choose is not None and args.choose < 2:
        raise Problem("--jobs takes 1 or more, --choose 2 or more")
    check_parameters(OSVR(gamma=tuple(args.gamma)))
    return args


def main():
    args = parse()
    where = read_where(args.where, args.jobs)
    gammas = list(itertools.product(*GRID)) if args.choose else [tuple(args.gamma)]
    inputs = Inputs(args.aligned, args.cache, args.archive, {
        "gammas": gammas, "groups": args.choose, "converged": args.converged, "key_frames": args.key_frames,
        "landmarks": 66 if args.archive else 5})
    videos = inputs.videos()
    folds = [Fold(fold, p, inputs, args.models) for p in dict.fromkeys(args.loss)
             for fold in select_folds(args.folds, args.fold)]
    with where:
        if not all(fold.done() for fold in folds):
            where.see_through([VideoFeatures(video, inputs) for video in videos], "features")
        where.see_through(folds, "osvr")


if __name__ == "__main__":
    run(main)
