"""The folds' folders, and the training that belongs to each."""
from pathlib import Path

from pain.errors import Problem
from pain.training.caffe_train import Training


def fold_training(solver, fold, models, weights=None):
    """The Training of a fold (its folder), in `models`/<variant>/<fold>. Raises Problem as Training does."""
    folder = Path(models) / Path(solver).stem / Path(fold).name
    return Training(solver, folder, fold, ("train_lmdb", "val_lmdb"), "make folds", weights)


def select_folds(folds, number=None):
    """The fold folders below `folds` in order, or only the one of this number. Raises Problem if there is none."""
    found = sorted(path for path in Path(folds).glob("[0-9]*-*") if path.is_dir())
    if not found:
        raise Problem("%s: no folds here; make them with `make folds`" % folds)
    if number is None:
        return found
    chosen = [path for path in found if int(path.name.split("-")[0]) == number]
    if not chosen:
        raise Problem("--fold %d: there are %s to %s in %s"
                      % (number, found[0].name.split("-")[0], found[-1].name.split("-")[0], folds))
    return chosen
