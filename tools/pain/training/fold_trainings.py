"""The folds' folders, and the training that belongs to each."""
import re
from pathlib import Path

from pain.errors import Problem
from pain.training.caffe_train import Training


def fold_training(solver, fold, models, weights=None):
    """The Training of a fold (its folder), in `models`/<variant>/<fold>. Raises Problem as Training does."""
    folder = Path(models) / Path(solver).stem / Path(fold).name
    return Training(solver, folder, fold, ("train_lmdb", "val_lmdb"), "make folds", weights)


def fold_folders(folder):
    """The folders in `folder` that are named as folds, NN-subject, in order."""
    return sorted(path for path in Path(folder).glob("*-*") if re.match("[0-9]+-", path.name) and path.is_dir())


def left_over(trainings):
    """The folders beside these trainings', of all folds, that are of none of them: of subjects that are gone."""
    return [path for path in fold_folders(trainings[0].folder.parent)
            if path not in [training.folder for training in trainings]]


def select_folds(folds, number=None):
    """The fold folders below `folds` in order, or only the one of this number. Raises Problem if there is none."""
    found = fold_folders(folds)
    if not found:
        raise Problem("%s: no folds here; make them with `make folds`" % folds)
    if number is None:
        return found
    chosen = [path for path in found if int(path.name.split("-")[0]) == number]
    if not chosen:
        raise Problem("--fold %d: there are %s to %s in %s"
                      % (number, found[0].name.split("-")[0], found[-1].name.split("-")[0], folds))
    return chosen
