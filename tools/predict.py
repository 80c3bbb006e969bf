"""Predict whom every fold leaves out with the fold's last snapshot: val_lmdb -> predictions.csv.

    models/<variant>/NN-subject/predictions.csv                subject, video, frame, label 0..5, prediction 0..5
                                    predictions.origin.json        what the net has learned from

Run by the Python of the caffe that is to do it, after tools/train.py. A fold's predictions that are newer than its
snapshot are left as they are.
"""
from pain.command import run, starting

with starting(__name__):
    from pain.command_line import Parser
    from pain.pieces.arguments import add_where, read_where
    from pain.progress import write
    from pain.training.fold_trainings import fold_training, left_over, select_folds
    from pain.training.predictions import predict_folds


def main():
    parser = Parser(__doc__)
    parser.add_argument("solver", help="the solver that trained them: prototxt/solvers/<variant>.prototxt")
    parser.add_argument("--folds", default="data/folds", help="where `make folds` put them (default: %(default)s)")
    parser.add_argument("--models", default="models", help="where training put them (default: %(default)s)")
    parser.add_argument("--fold", type=int, help="only the fold of this number (default: all)")
    parser.add_argument("--gpu", type=int, help="the GPU to predict on (default: the CPU)")
    add_where(parser)
    args = parser.parse_args()
    where = read_where(args.where)
    trainings = [fold_training(args.solver, fold, args.models) for fold in select_folds(args.folds, args.fold)]
    for folder in left_over(trainings) if args.fold is None else ():
        write("%s: of no fold in %s; remove it, or its predictions count as well" % (folder, args.folds))
    for training in trainings:
        iteration = training.last_snapshot()
        if 0 < iteration < training.max_iter:
            write("%s: only trained to iteration %d of %d" % (training.folder, iteration, training.max_iter))
    with where:
        predict_folds(trainings, args.gpu, where)


if __name__ == "__main__":
    run(main)
