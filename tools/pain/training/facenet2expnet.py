"""FaceNet2ExpNet-style: a smaller trunk learns the face net's last feature maps, then everything learns the labels."""
from pain.training.fold_trainings import fold_training

TEACHING = "facenet2expnet_features"  # the solver of stage 1, which has no predictions
STUDENT = "facenet2expnet_style"  # and of stage 2, a row of the tables


def two_stages(trainings, weights):
    """The Trainings of stage 1 and of stage 2, a list each, of folds. trainings: theirs of STUDENT's solver, whose
    folders and data are taken; weights: the face net's caffemodel. Those of stage 1 have to be trained first.
    """
    teaching = [fold_training(training.solver.with_name(TEACHING + ".prototxt"), training.data,
                              training.folder.parent.parent, weights) for training in trainings]
    students = [fold_training(training.solver, training.data, training.folder.parent.parent,
                              taught.folder / taught.snapshot(taught.max_iter, "caffemodel"))
                for training, taught in zip(trainings, teaching)]
    return teaching, students
