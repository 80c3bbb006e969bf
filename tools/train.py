"""Train folds with `caffe train -solver`, each in its own folder, and see it through.

    models/<variant>/NN-subject/    train_lmdb, val_lmdb     links to the fold's data
                                    train.log                what caffe said, run after run
                                    pain_iter_N.caffemodel, .solverstate
                                    pain_iter_N.origin.json      what it has learned from

<variant> is the solver's name. A finished fold is left as it is, an interrupted one goes on from its last snapshot;
Ctrl-C makes caffe write one, and a second one ends it. A fold that fails does not stop the others; the exit status is
then 1. --where has a cluster do it (docs/scale.md). Of a finished fold's snapshots only the last is kept. By hand
the same is

    cd models/<variant>/NN-subject
    PYTHONPATH=../../.. caffe train -solver ../../../prototxt/solvers/<variant>.prototxt
"""
from pain.command import run, starting

with starting(__name__):
    from pathlib import Path

    from pain.command_line import Parser
    from pain.training.arguments import add_arguments, where_of
    from pain.training.caffe_train import train
    from pain.training.fold_trainings import fold_training, select_folds


def main():
    parser = Parser(__doc__)
    parser.add_argument("solver", help="prototxt/solvers/<variant>.prototxt")
    parser.add_argument("--weights", help="caffemodel to fine-tune from (default: start from scratch)")
    add_arguments(parser)
    args = parser.parse_args()
    where = where_of(args)
    trainings = [fold_training(args.solver, fold, args.models, args.weights)
                 for fold in select_folds(args.folds, args.fold)]
    with where:
        train(trainings, args.caffe, args.gpu, where, "%s, %d folds" % (Path(args.solver).stem, len(trainings)))


if __name__ == "__main__":
    run(main)
