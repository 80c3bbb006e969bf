"""Sweeps: the grid, folds within folds, what is chosen by whom, and the tables."""
import csv
import os
from unittest import mock

import numpy as np
import pytest
from caffe.proto import caffe_pb2
from google.protobuf import text_format

import evaluate
import sweep as command
from pain.datasets.inner_folds import inner_folds
from pain.datasets.lmdbs import open_lmdb, read_list
from pain.evaluation.results import read_result
from pain.prototxts import make_slim
from pain.training import sweep
from pain.training.fold_trainings import select_folds
from pain.training.predictions import check_lmdb
from support.caffe_runs import make_folds_of_noise
from support.predictions import refuses, write
from support.project import run_here

pytest.importorskip("yaml")

GRID = "variants: [mse, smooth_l1]\nseeds: [1, 2]\nsettings:\n  base_lr: [0.01, 0.02]\n"


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Four folds of noise, and slim prototxts."""
    root = tmp_path_factory.mktemp("sweep")
    make_folds_of_noise(root, subjects=4)
    make_slim(root / "prototxt", 16, 12, "max_iter: 2")
    return root


def test_within_a_fold_nobody_is_of_whom_it_leaves_out(work, tmp_path):
    folds = select_folds(work / "folds")
    made = inner_folds(folds[0], folds, 2, tmp_path)
    assert [folder.name for folder in made] == ["01-of-2", "02-of-2"]
    outer, whole = read_list(folds[0] / "train.txt"), {}
    with open_lmdb(folds[0] / "train_lmdb") as database:
        for name, (_, value) in zip(outer[0], database.records()):
            whole[name] = value
    for folder, group in zip(made, ([folds[1], folds[3]], [folds[2]])):
        subjects = {fold.name[3:] for fold in group}
        names, labels = read_list(folder / "train.txt")
        assert list(zip(names, labels)) == [(name, label) for name, label in zip(*outer)
                                            if name.split("/")[0] not in subjects]
        assert {name.split("/")[0] for name in names} == {fold.name[3:] for fold in folds[1:]} - subjects
        check_lmdb(folder / "train_lmdb", names, labels)
        with open_lmdb(folder / "train_lmdb") as database:
            assert [value for _, value in database.records()] == [whole[name] for name in names]
        check_lmdb(folder / "val_lmdb", *read_list(folder / "val.txt"))
        assert read_list(folder / "val.txt")[0] == [name for fold in group for name in read_list(fold / "val.txt")[0]]
    stamps = [(folder / "fold.json").stat().st_mtime_ns for folder in made]
    inner_folds(folds[0], folds, 2, tmp_path)
    assert [(folder / "fold.json").stat().st_mtime_ns for folder in made] == stamps


def pretend(trainings, *_):
    """Predict labels that are off by the rate in hundreds, and of fold 2's training subjects the other way round."""
    for training in trainings:
        assert os.path.exists(os.path.normpath(str(training.folder / training.net)))
        solver = text_format.Merge(training.solver.read_text(), caffe_pb2.SolverParameter())
        off = round(100 * solver.base_lr) - 1 + 0.1 * solver.random_seed + (training.name == "mse")
        if "inner-02-" in str(training.folder):
            off = 3 - off
        names, labels = read_list(training.data / "val.txt")
        write(training.folder / "predictions.csv", [
            (*name[:-4].split("/"), label, label + off) for name, label in zip(names, labels)])


def run(work, out, grid, *options):
    """What a sweep of a grid, of which nothing is trained, comes to: its rows, every subject's, and what is said."""
    (out / "grid.yaml").write_text(grid)
    with mock.patch.multiple(sweep, train=lambda *_: None, predict_folds=pretend):
        process = run_here(command.main, out / "grid.yaml", "--folds", work / "folds", "--prototxt", work / "prototxt",
                           "--out", out / "out", *options)
    assert process.returncode == 0, process.stderr
    return rows_of(out / "out/grid.csv"), rows_of(out / "out/grid_subjects.csv"), process.stdout


def rows_of(path):
    with open(str(path)) as file:
        return list(csv.DictReader(file))


def test_every_variant_seed_and_setting_is_compared(work, tmp_path):
    rows, subjects, said = run(work, tmp_path, GRID)
    assert [(row["row"], float(row["mae"])) for row in rows[:4]] == [
        ("mse, base_lr: 0.01", pytest.approx(1.15)), ("mse, base_lr: 0.02", pytest.approx(2.15)),
        ("smooth l1, base_lr: 0.01", pytest.approx(0.15)), ("smooth l1, base_lr: 0.02", pytest.approx(1.15))]
    assert [row["row"] for row in rows[4:]] == ["all zeros", "all mean"] and len(rows_of(
        tmp_path / "out/grid_differences.csv")) == 6 * 5 / 2
    assert len(subjects) == 2 * 2 * 2 * 4 + 2 * 4 and len({tuple(row.values())[:6] for row in subjects}) == 40
    assert "base_lr: 0.02" in said and "4 subjects and 2 seeds" in said and said.count("from scratch") == 1
    assert "Trained and tested on data of unknown origin." in said
    for seed in 1, 2:
        folder = tmp_path / "out/scratch/base_lr=0.02" / ("seed-%d" % seed)
        solver = (folder / "prototxt/solvers/mse.prototxt").read_text()
        assert "base_lr: 0.02" in solver and "random_seed: %d" % seed in solver
        assert len(read_result(folder / "models/mse").videos) == 4


def test_a_setting_is_chosen_by_the_training_subjects_alone(work, tmp_path):
    """The better one in every fold but the second, whose training subjects say otherwise."""
    rows, subjects, said = run(work, tmp_path, "variants: [mse]\nsettings: {base_lr: [0.01, 0.02]}\nchoose: mae\n"
                                            "groups: 2\nfolds: [1, 2]\n")
    assert {row["subject"]: row["setting"] for row in subjects if row["start"]} == {
        "001-aa001": "base_lr: 0.01", "002-bb002": "base_lr: 0.02"}
    assert {row["chosen_by"] for row in subjects if row["start"]} == {"mae"}
    assert [row["row"] for row in rows] == ["mse", "all zeros", "all mean"]
    assert "chosen by MAE" in said and "Each fold's setting was chosen by its training subjects alone." in said
    assert float(rows[0]["mae"]) == pytest.approx((1.1 + 2.1) / 2)


def test_a_table_is_of_evaluate_s_figures_and_intervals_of_draws_by_hand(work, tmp_path):
    rows, subjects, _ = run(work, tmp_path, "variants: [mse, smooth_l1]\nseeds: [1, 2, 3]")
    seeds = [tmp_path / "out/scratch" / ("seed-%d" % seed) / "models/mse" for seed in (1, 2, 3)]
    process = run_here(evaluate.main, *seeds, "--csv", tmp_path / "evaluate.csv")
    assert process.returncode == 0, process.stderr
    said = rows_of(tmp_path / "evaluate.csv")
    for metric in "mae", "mse", "wmae", "wmse":
        assert float(rows[0][metric]) == pytest.approx(np.mean([float(row[metric]) for row in said[:3]]), rel=1e-9)
        assert float(rows[2][metric]) == pytest.approx(float(said[3][metric]), rel=1e-9)
    values = np.array([[float(row["wmae"]) for row in subjects if row["variant"] == "mse" and row["seed"] == seed]
                       for seed in "123"])
    random = np.random.RandomState(0)
    drawn = [values[random.randint(3, size=3)][:, random.randint(4, size=4)].mean() for _ in range(4000)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    assert [float(rows[0]["wmae_low"]), float(rows[0]["wmae_high"])] == pytest.approx([low, high], abs=0.03)
    assert 0.05 < high - low < 0.5


def test_settings_that_differ_have_folders_that_do():
    settings = [{"base_lr": 0.01}, {"base_lr": -0.01}, {"base_lr": 1e-05}, {"base_lr": 1e+25}, {"base_lr": "1e-3"},
                {"lr_policy": "poly"}, {"lr_policy": "poly,power=1"}, {"lr_policy": "poly", "power": 1},
                {"lr_policy": "a b"}, {"lr_policy": "a_b"}, {"lr_policy": "a/b"}, {"stepvalue": [1, 2]},
                {"stepvalue": [12]}, {}]
    folders = [sweep.folder_of(setting) for setting in settings]
    assert len(set(folders)) == len(settings) and not any("/" in folder for folder in folders)
    assert folders[4] == "base_lr=1e-3" and sweep.text_of(settings[4]) == "base_lr: 1e-3"  # YAML's text
    assert sweep.text_of(settings[7]) == 'lr_policy: "poly" power: 1'


@pytest.mark.parametrize("grid, words", [
    ("a: [", "no YAML text"), ("variants: mse", "variants: takes a list"), ("seeds: [1]", "variants: takes a list"),
    ("variants: [mse]\nepochs: 3", "epochs: there are variants, starts"),
    ("variants: [none]", "none.prototxt: no such"),
    ("variants: [mse]\nsettings: {base_lr: 1}", "each takes a list of values"),
    ("variants: [mse]\nsettings: {rate: [1]}", "settings: not a SolverParameter prototxt"),
    ("variants: [mse]\nchoose: beauty", "choose: takes mae, mse"),
    ("variants: [mse]\nfolds: [9]", "there are 01 to 04"),
    ("variants: [mse]\nseeds: [0]", "seeds: of numbers, 1 to"),
    ("variants: [mse]\nseeds: [4294967296]", "1 to 4294967295"), ("variants: [[mse]]", "a list of names"),
    ("variants: [mse]\nseeds: [2, 2]", "seeds: 2 is there twice"),
    ("variants: [mse]\nsettings: {base_lr: [1, 1]}", "base_lr: 1 is there twice"),
    ("variants: [mse]\nsettings: {base_lr: [2020-01-01]}", "settings: not a SolverParameter prototxt"),
    ("variants: [mse]\nstarts: [middle]", "starts: takes scratch, frozen, finetuned"),
    ("variants: [mse]\nstarts: [scratch, frozen]", "starts: frozen: of which weights?"),
    ("variants: [facenet2expnet_style]", "facenet2expnet_style: is taught by --weights")])
def test_what_a_grid_cannot_say_is_one_line(work, tmp_path, grid, words):
    (tmp_path / "grid.yaml").write_text(grid)
    assert words in refuses(tmp_path / "grid.yaml", "--folds", work / "folds", "--prototxt", work / "prototxt", "--out",
                            tmp_path / "out", main=command.main)
