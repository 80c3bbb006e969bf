"""Train and predict FaceNet2ExpNet-style fold by fold, both stages, as Ding, Zhou and Chellappa (FG 2017) train theirs.

    models/facenet2expnet_features/NN-subject/    stage 1: a smaller trunk learns the face net's last feature maps
    models/facenet2expnet_style/NN-subject/       stage 2: with a head, from there, by the labels: a row of the tables
                                                  predictions.csv

What is finished is not done again, so that the command goes on after Ctrl-C.
"""
from pain.command import run, starting

with starting(__name__):
    from pathlib import Path

    from pain.command_line import Parser
    from pain.training.arguments import add_arguments, where_of
    from pain.training.caffe_train import train
    from pain.training.facenet2expnet import STUDENT, two_stages
    from pain.training.fold_trainings import fold_training, select_folds
    from pain.training.predictions import predict_folds


def main():
    parser = Parser(__doc__)
    parser.add_argument("--weights", required=True, help="the face net: a caffemodel of face_verification.prototxt")
    parser.add_argument("--prototxt", default="prototxt", help="the nets and solvers (default: %(default)s)")
    add_arguments(parser)
    args = parser.parse_args()
    where = where_of(args)
    solver = Path(args.prototxt) / "solvers" / (STUDENT + ".prototxt")
    teaching, students = two_stages([fold_training(solver, fold, args.models)
                                     for fold in select_folds(args.folds, args.fold)], args.weights)
    with where:
        for stage, trainings in enumerate((teaching, students), 1):
            train(trainings, args.caffe, args.gpu, where, "stage %d, %d folds" % (stage, len(trainings)))
        predict_folds(students, args.gpu, where)


if __name__ == "__main__":
    run(main)
