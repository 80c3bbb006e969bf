"""Does time help? An LSTM on the features of a variant's trained folds, and a Gaussian on its predictions.

    models/temporal_lstm/NN-subject/    sequences.h5        the features that the fold's net has of the others' frames
                                        solver.prototxt, train.log, pain_iter_N.caffemodel
                                        predictions.csv
    models/smoothed/NN-subject/         predictions.csv     the variant's own, smoothed in time by a Gaussian
                                        smoothing.json      whose width the other subjects' predictions have chosen

Run after `make train predict` of all folds of the variant. Features take a pass of a fold's net over all frames, and
are kept in features.npz beside its snapshot. What is finished is not done again.
"""
from pain.command import run, starting

with starting(__name__):
    from pathlib import Path

    from pain.baselines.smoothing import predict_smoothed
    from pain.command_line import Parser
    from pain.datasets.folds import subjects_left_out
    from pain.evaluation.results import read_result
    from pain.training.arguments import add_arguments, where_of
    from pain.training.caffe_train import train
    from pain.training.fold_trainings import fold_training, select_folds
    from pain.training.temporal import FoldFeatures, FoldPredictions, temporal_training


def main():
    parser = Parser(__doc__)
    parser.add_argument("solver", help="the variant's: prototxt/solvers/<variant>.prototxt")
    parser.add_argument("--temporal", default="prototxt/temporal_regression_solver.prototxt",
                        help="the LSTM's solver, its net beside it (default: %(default)s)")
    parser.add_argument("--settings", default="", metavar="PROTOTXT", help="fields to set in the LSTM's solver")
    add_arguments(parser)
    args = parser.parse_args()
    where = where_of(args)
    folds = select_folds(args.folds)
    bases = [fold_training(args.solver, fold, args.models) for fold in select_folds(args.folds, args.fold)]
    result = read_result(Path(args.models) / Path(args.solver).stem)
    for base in bases:
        predict_smoothed(result, base.folder, subjects_left_out(base.data), args.models)
    with where:
        where.see_through([FoldFeatures(base, folds, args.gpu) for base in bases], "features")
        trainings = [temporal_training(args.temporal, base, folds, args.models, args.settings) for base in bases]
        train(trainings, args.caffe, args.gpu, where, "LSTM, %d folds" % len(trainings))
        where.see_through([FoldPredictions(training, base, folds, args.gpu)
                           for training, base in zip(trainings, bases)], "predict")


if __name__ == "__main__":
    run(main)
