"""fold_trainings.py: which folds are meant, and where each is trained."""
import pytest

from pain.errors import Problem
from pain.training.fold_trainings import fold_training, left_over, select_folds
from support.project import ROOT


@pytest.fixture
def folds(tmp_path):
    """Three folds, one of them half made, and a file that is none."""
    for name in "02-b", "10-c", "01-a", ".03-d.partial":
        for lmdb in "train_lmdb", "val_lmdb":
            (tmp_path / "folds" / name / lmdb).mkdir(parents=True)
            (tmp_path / "folds" / name / lmdb / "data.mdb").touch()
    (tmp_path / "folds" / "11-notes").touch()
    (tmp_path / "folds" / "1x-other").mkdir()
    return tmp_path / "folds"


def test_folds_come_in_order_or_by_number(folds, tmp_path):
    assert [path.name for path in select_folds(folds)] == ["01-a", "02-b", "10-c"]
    assert [path.name for path in select_folds(str(folds), 10)] == ["10-c"]
    with pytest.raises(Problem, match="--fold 3: there are 01 to 10 in %s" % folds):
        select_folds(folds, 3)
    with pytest.raises(Problem, match="none: no folds here; make them with `make folds`"):
        select_folds(tmp_path / "none")


def test_what_is_left_of_folds_that_are_gone(folds, tmp_path):
    solver = ROOT / "prototxt" / "solvers" / "smooth_l1.prototxt"
    trainings = [fold_training(solver, fold, tmp_path / "models") for fold in select_folds(folds)]
    for name in "01-a", "02-b", "02-c", "1x-a", ".02-d", "notes":
        (tmp_path / "models" / "smooth_l1" / name).mkdir(parents=True)
    assert left_over(trainings) == [tmp_path / "models" / "smooth_l1" / "02-c"]


def test_a_fold_is_trained_in_a_folder_of_its_variant(folds, tmp_path):
    solver = ROOT / "prototxt" / "solvers" / "smooth_l1.prototxt"
    training = fold_training(solver, folds / "02-b", tmp_path / "models")
    assert (training.folder, training.data, training.weights) == (
        tmp_path / "models" / "smooth_l1" / "02-b", folds / "02-b", None)
    (folds / "02-b" / "val_lmdb" / "data.mdb").unlink()
    with pytest.raises(Problem, match="02-b/val_lmdb: no such LMDB; make it with `make folds`"):
        fold_training(solver, folds / "02-b", tmp_path / "models")
