"""What a sweep is asked for, and what it came to: grid.yaml, and the figures of every row, seed and subject."""
from pathlib import Path

from fuzz.formats import Format
from fuzz.mutants import of_text
from pain.evaluation.sweeps import COLUMNS, read_swept
from pain.files import write_csv
from pain.project import ROOT
from pain.tables import markdown
from pain.training.fold_trainings import select_folds
from pain.training.sweep import Sweep, read_grid
from support.caffe_runs import make_folds_of_noise

GRID = """variants: [mse, smooth_l1]
starts: [scratch]
seeds: [1, 2]
settings:
  base_lr: [0.01, 1e-3]
  lr_policy: [fixed]
folds: [1, 2, 3]
groups: 2
"""


def grid(folder):
    make_folds_of_noise(folder)
    (folder / "grid.yaml").write_text(GRID)
    return folder / "grid.yaml"


def plan():
    """What a sweep does before it trains."""
    sweep = Sweep(read_grid(Path("grid.yaml")), select_folds("folds"), ROOT / "prototxt", None, "out")
    folders = [training.folder for _, _, training in sweep.outer()]
    assert folders and len(folders) == len(set(folders))


def subjects(folder):
    write_csv(folder / "rates_subjects.csv", COLUMNS, [
        (variant, start, "base_lr: 0.1", "", seed, subject, 0.5, 0.25 * seed, "", 1, 2) for variant, start, seeds in (
            ("mse", "scratch", (1, 2)), ("smooth_l1", "scratch", (1, 2)), ("all zeros", "", (1,)))
        for seed in seeds for subject in "abc"])
    return folder / "rates_subjects.csv"


def show():
    for table in read_swept(Path("rates_subjects.csv")).tables:
        print(markdown(table))


FORMATS = [Format("grid.yaml", grid, plan, mutant=of_text), Format("subjects.csv", subjects, show, mutant=of_text)]
