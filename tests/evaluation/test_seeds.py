"""seeds.py: rows of several seeds against means by hand, and the command."""
import csv

import numpy as np
import pytest
from hypothesis import given, settings, strategies
from hypothesis.extra import numpy as arrays

import compare_seeds as command
from pain.evaluation import uncertainty
from pain.evaluation.seeds import estimates
from support.predictions import TINY, refuses, tree


def moved(rows, by):
    """`rows` with every prediction that much higher."""
    return [(*row[:4], row[4] + by) for row in rows]


@pytest.fixture
def folders(tmp_path):
    """Two seeds with three rows each; OSVR has no seed."""
    for seed, by in ("seed-1", 1), ("seed-2", 3):
        tree(tmp_path / seed / "mine", moved(TINY, by))
        tree(tmp_path / seed / "smooth_l1", TINY[::-1] if seed == "seed-2" else TINY)
        tree(tmp_path / seed / "osvr_l1", moved(TINY, 0.5))
    return [tmp_path / "seed-1", tmp_path / "seed-2"]


def test_rows_and_differences_are_means_over_seeds_and_subjects(folders, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["compare_seeds.py", *map(str, folders), "--out", str(tmp_path / "out")])
    command.main()
    assert "2 subjects and 2 seeds" in capsys.readouterr().out
    with open(str(tmp_path / "out/comparison.csv")) as file:
        rows = {row["row"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["smooth l1", "OSVR-l1", "mine", "all zeros", "all mean"]
    errors = {by: [np.mean([abs(p + by - y) for s, _, _, y, p in TINY if s == subject]) for subject in "ab"]
              for by in (0, 0.5, 1, 3)}
    expected = {"smooth l1": errors[0], "OSVR-l1": errors[0.5], "mine": np.mean([errors[1], errors[3]], axis=0),
                "all zeros": [6 / 4, 0]}
    for name, of_subjects in expected.items():
        assert float(rows[name]["mae"]) == pytest.approx(np.mean(of_subjects))
    assert [float(rows["smooth l1"]["mae" + end]) for end in ("_low", "_high")] == pytest.approx(sorted(errors[0]))
    assert float(rows["mine"]["mae_high"]) == pytest.approx(max(errors[3]))  # one seed twice, one subject twice
    with open(str(tmp_path / "out/differences.csv")) as file:
        pairs = {row["pair"]: row for row in csv.DictReader(file)}
    assert len(pairs) == 5 * 4 / 2
    assert float(pairs["OSVR-l1 - mine"]["mae"]) == pytest.approx(np.mean(errors[0.5]) - np.mean(expected["mine"]))


def test_what_does_not_go_together_is_one_line(folders, tmp_path):
    assert "seed-1: named twice" in refuses(folders[0], folders[0], main=command.main)
    assert "none: no predictions.csv in it" in refuses(tmp_path / "none", main=command.main)
    tree(folders[1] / "mse")
    assert "seed-1: no mse in it" in refuses(*folders, main=command.main)
    tree(folders[0] / "mse", TINY[:4])
    assert "compare results of the same frames" in refuses(*folders, main=command.main)


@settings(deadline=None, max_examples=25)
@given(arrays.arrays(float, strategies.tuples(strategies.integers(1, 3), strategies.integers(2, 5), strategies.just(2)),
                     elements=strategies.one_of(strategies.floats(-5, 5), strategies.just(float("nan")))))
def test_estimates_by_hand(values):
    runs, subjects, metrics = values.shape
    found = estimates(values, draws=200)
    of_seeds = uncertainty.make_draws(runs, 200, uncertainty.SEED + 1).weights.astype(int)
    of_subjects = uncertainty.make_draws(subjects, 200, uncertainty.SEED).weights.astype(int)
    for m in range(metrics):
        known = values[..., m][~np.isnan(values[..., m])]
        if not known.size:
            assert np.isnan(found[m].figure)
            continue
        assert found[m].figure == pytest.approx(known.mean(), abs=1e-9)
        drawn = []
        for b in range(200):
            cells = [values[r, s, m] for r in np.repeat(np.arange(runs), of_seeds[b])
                     for s in np.repeat(np.arange(subjects), of_subjects[b])]
            cells = [cell for cell in cells if cell == cell]
            drawn += [np.mean(cells)] if cells else []
        low, high = np.percentile(drawn, [2.5, 97.5])
        assert (found[m].low, found[m].high) == pytest.approx((low, high), abs=1e-9)
