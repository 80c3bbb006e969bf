"""tools/evaluate.py: the authors' figures, the tables, what is compared, and what a user can get wrong."""
import csv
import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from pain.evaluation import scores, side_by_side
from pain.evaluation.metrics import METRICS, all_metrics
from pain.evaluation.results import read_results
from pain.evaluation.trivial import TRIVIAL, trivial_results
from support.bare_python import run_bare, run_bare_tool
from support.predictions import AUTHORS, TINY, fails, refuses, tool, tree, write
from support.project import ROOT, needs_shared


def rows_of(*arguments):
    done = tool(*arguments, "--json", "-")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return json.loads(done.stdout, parse_constant=lambda name: pytest.fail("%s is no JSON" % name))["rows"]


# The authors' results.

@needs_shared
def test_published_figures():
    row, zeros, mean = rows_of(AUTHORS)
    assert ["%.3f" % row[m] for m in ("mae", "mse", "pcc", "wmae", "wmse")] == "0.416 1.060 0.524 1.596 4.395".split()
    assert ["%.3f" % zeros[m] for m in ("mae", "mse", "wmae", "wmse")] == "0.438 1.353 2.143 7.387".split()
    assert (row["name"], zeros["name"], zeros["pcc"]) == ("6-vanilla-sigmoid", "all zeros", None)
    assert {metric: row["over"][metric] for metric in METRICS} == dict(dict.fromkeys(METRICS, 25), pcc=24)
    assert {m: zeros["over"][m] for m in METRICS} == dict(dict.fromkeys(METRICS, 25), pcc=0, icc31=24, icc11=24, ccc=24)
    assert mean["name"] == "all mean" and mean["over"]["pcc"] == 0  # the mean of the others is one number a subject


@needs_shared
def test_tables_name_protocol_sizes_and_sources():
    lines = tool(AUTHORS).stdout.splitlines()
    assert lines[0] == ("Protocol subject (means over subjects), intensities 0..5, all frames, all subjects: "
                        "25 subjects, 200 videos, 48391 frames")
    assert lines[2] == "Table 1" and lines[3].split() == ["MAE", "MSE", "PCC", "ICC(3,1)"]
    assert lines[4].split() == ("6-vanilla-sigmoid measured 0.416 0.286..0.575 1.060 0.654..1.609 0.524 0.444..0.607 "
                                "0.335 0.244..0.430").split()
    assert lines[5].split()[:6] == "all zeros measured 0.438 0.291..0.621 1.353".split() and "-" in lines[5].split()
    assert "left out of 6-vanilla-sigmoid, as undefined: PCC 1 of 25" in lines
    assert [line.split() for line in lines if line.startswith("smooth l1 + l1 center loss  ")] == [
        "smooth l1 + l1 center loss quoted 0.456 0.804 0.651 -".split(),
        "smooth l1 + l1 center loss quoted 1.289 2.880".split()]
    assert [sum(name in line for line in lines) for name in ("OSVR-l1", "OSVR-l2", "RCR", "sampling")] == [2, 2, 1, 2]


@needs_shared
def test_videos_of_the_authors():
    row, zeros, _ = rows_of(AUTHORS, "--protocol", "video")
    assert row["over"]["mae"] == 200 and row["over"]["pcc"] == 200 - 121 and zeros["over"]["icc31"] == 200 - 121


@needs_shared
def test_subjects_with_pain_are_24():
    row, zeros, _ = rows_of(AUTHORS, "--subjects", "pain")
    every, *_ = rows_of(AUTHORS)
    assert row["over"]["mae"] == row["over"]["pcc"] == 24 and row["pcc"] == every["pcc"] and row["mae"] != every["mae"]


@needs_shared
def test_difference_from_all_zeros():
    done = tool(AUTHORS, "--compare", "mae", "--json", "-")
    pair, other = json.loads(done.stdout)["comparisons"]["mae"]
    assert (pair["a"], pair["b"], other["b"]) == ("6-vanilla-sigmoid", "all zeros", "all mean")
    assert pair["difference"] == pytest.approx(0.4159 - 0.4382, abs=1e-4)
    assert pair["low"] < 0 < pair["high"] and pair["p"] > 0.2  # an MAE no better than saying 0 all the time
    assert other["high"] < 0 and other["p"] < 0.001 and other["corrected"] == pytest.approx(2 * other["p"])


# What comes out.

def test_json_csv_and_names(tmp_path):
    folder = tree(tmp_path / "models" / "smooth_l1_center_l2")
    single = write(tmp_path / "single.csv", TINY)
    rows = rows_of(folder, single, str(single.parent / "." / single.name), "--csv", tmp_path / "new" / "rows.csv")
    assert [row["name"] for row in rows] == ["smooth l1 + l2 center loss", "single", "all zeros", "all mean"]
    assert all(list(row) == ["name", "protocol", *all_metrics(5), "over", "interval"] for row in rows)
    assert dict(rows[0], name="") == dict(rows[1], name="") and rows[2]["pcc"] is None and rows[2]["over"]["pcc"] == 0
    with open(str(tmp_path / "new" / "rows.csv"), newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["name"] for row in table] == [row["name"] for row in rows] and table[2]["pcc"] == ""
    assert all(float(line[m]) == row[m] and int(line["over_" + m]) == row["over"][m]
               and [float(line["low_" + m]), float(line["high_" + m])] == row["interval"][m]
               for line, row in zip(table[:2], rows) for m in METRICS)
    done = tool(folder, "--json", tmp_path / "rows.json")
    protocol = ("Protocol subject (means over subjects), intensities 0..5, all frames, all subjects: 2 subjects, "
                "3 videos, 6 frames")
    assert done.stdout.startswith(protocol + "\n")
    assert json.loads((tmp_path / "rows.json").read_text()) == {
        "protocol": protocol, "rows": [rows[0], *rows[2:]], "comparisons": {}}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["models", "new", "rows.json", "single.csv"]


def test_same_names_are_told_apart_by_path(tmp_path):
    one, two = tree(tmp_path / "one" / "mse"), tree(tmp_path / "two" / "mse")
    assert [row["name"] for row in rows_of(one, two)] == ["mse (%s)" % one, "mse (%s)" % two, *TRIVIAL]


def test_all_zeros_for_each_ground_truth(tmp_path):
    whole, part, again = tree(tmp_path / "whole"), tree(tmp_path / "part", TINY[:4]), tree(tmp_path / "again")
    rows = rows_of(whole, part, again)
    assert [row["name"] for row in rows[3:]] == [
        "all zeros (whole, again)", "all mean (whole, again)", "all zeros (part)"]  # one subject has no others' mean
    assert rows[3]["mae"] == 1.5 / 2 and rows[5]["mae"] == 1.5
    assert tool(whole, part).stdout.splitlines()[0].endswith(
        "2 subjects, 3 videos, 6 frames (whole); 1 subject, 2 videos, 4 frames (part)")


# Comparisons.

def test_comparisons(tmp_path):
    """Ten subjects; the first result is better for each, so only swapping all or none is as far from 0."""
    rows = [("s%d" % s, "v", "f%d" % i, i % 6, i % 6 + 0.1 * (s + i % 3)) for s in range(10) for i in range(12)]
    one, two = write(tmp_path / "one.csv", rows), write(tmp_path / "two.csv", [(*row[:4], row[4] + 1) for row in rows])
    done = tool(one, two, "--compare", "mae", "pcc", "mae", "--draws", 2000, "--seed", 7)
    lines = [line.split() for line in done.stdout.splitlines()]
    pair = lines[lines.index("Differences in MAE, first less second, with 95 % interval; p, and p corrected for 5 "
                             "comparisons".split()) + 1]
    assert pair[:5] == ["one", "-", "two", "-1.000", "-1.000..-1.000"] and float(pair[6]) < 0.01
    assert float(pair[8]) == pytest.approx(5 * float(pair[6]), abs=0.01)
    assert sum(line[:1] == ["Differences"] for line in lines) == 2
    assert ["one", "-", "all", "zeros", "-", "p", "-", "corrected", "-"] in lines  # a PCC that is undefined throughout
    assert tool(one, two, "--compare", "mae", "pcc", "--draws", 2000, "--seed", 7).stdout == done.stdout
    assert tool(one, two, "--compare", "mae", "pcc", "--draws", 2000, "--seed", 8).stdout != done.stdout


def test_every_pair_is_compared_but_the_trivial_ones(tmp_path):
    path = write(tmp_path / "one.csv", TINY)
    results = side_by_side.side_by_side([read_results([path])[0]._replace(name=name) for name in "abc"])
    rows = scores.compare_all(results + trivial_results([results]), ["mae"], draws=9)["mae"]
    pairs = [(row["a"], row["b"]) for row in rows]
    assert len(pairs) == 3 + 2 * 3 and ("all zeros", "all mean") not in pairs and ("a", "c") in pairs


def test_all_tables(tmp_path):
    out = tool(write(tmp_path / "one.csv", TINY), "--all", "--draws", 9).stdout
    for words in ("Agreement", "RMSE", "ICC(1,1)", "CCC", "Intensity 5 or more", "AUROC >= 1", "F1 >= 2",
                  "bal. acc. >= 5"):
        assert words in out
    assert "RMSE" not in tool(tmp_path / "one.csv", "--draws", 9).stdout


# PSPI.

def test_pspi_quantised_or_raw(tmp_path):
    rows = [("a", "v", "f%d" % i, i % 17, 16 - i % 17) for i in range(34)] + [("b", "v", "f", 7, 5.5)]
    quantised = [(*row[:3], *(int(np.digitize(np.floor(value + 0.5), (1, 2, 3, 4, 6))) for value in row[3:]))
                 for row in rows]
    theirs, ours = write(tmp_path / "theirs.csv", rows), write(tmp_path / "ours.csv", quantised)
    a, b, *_ = rows_of(ours, "--pspi", theirs, "--compare", "mae")
    assert dict(a, name="") == dict(b, name="")
    raw, zeros, _ = rows_of("--pspi", theirs, "--raw")
    assert raw["mae"] == pytest.approx((np.abs(16 - 2 * np.arange(17)).mean() + 1.5) / 2) and zeros["mae"] == 7.5
    assert "auroc_16" in raw and "PSPI 0..16" in tool("--pspi", theirs, "--raw").stdout.splitlines()[0]


# With NumPy alone, and as one file to copy.

def test_needs_nothing_but_numpy(tmp_path):
    write(tmp_path / "one.csv", TINY)
    done = run_bare_tool("evaluate.py", tmp_path / "one.csv", "--compare", "mae", "--all")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == tool(tmp_path / "one.csv", "--compare", "mae", "--all").stdout
    assert run_bare("import numpy, csv, datetime, json").returncode == 0
    for package in "scipy", "tqdm", "caffe":  # which are there, but not to be had
        assert "No module named %r" % package in run_bare("import " + package).stderr


def test_one_file_to_copy(tmp_path):
    """`make evaluate.pyz` packs what scores CSV files; it needs nothing but Python and NumPy."""
    names = dict(root=ROOT, here=tmp_path, python=sys.executable)
    script = ("make -s -C %(root)s evaluate.pyz PYZ=%(here)s/evaluate.pyz PYTHON=%(python)s SETUP= && "
              "cd %(here)s && %(python)s -I evaluate.pyz one.csv") % names
    write(tmp_path / "one.csv", TINY)
    done = subprocess.run(script, shell=True, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == tool(tmp_path / "one.csv").stdout
    names = set(zipfile.ZipFile(str(tmp_path / "evaluate.pyz")).namelist())
    assert {"__main__.py", "pain/evaluation/metrics.py"} <= names
    assert not {"pain/evaluation/paper_figure.py", "pain/images.py"} & names
    done = subprocess.run([sys.executable, "-I", "evaluate.pyz", "no.csv"], cwd=str(tmp_path), stderr=subprocess.PIPE,
                          text=True)
    assert done.returncode == 2 and done.stderr.startswith("evaluate.pyz: no.csv: no such file")


# What a user can get wrong, beside what test_results.py has.

@pytest.mark.parametrize("arguments, words", [
    ([], "name a result"), (["one.csv", "--compare", "speed"], "--compare speed: there is mae, mse"),
    (["one.csv", "--pspi", "one.csv"], "after --pspi; name it once"),
    (["one.csv", "--raw"], "--raw cannot score"), (["--raw"], "name a result"),
    (["one.csv", "--draws", "0"], "--draws 0: must be"), (["one.csv", "--draws", "many"], "--draws"),
    (["one.csv", "--seed", "-1"], "--seed -1: must be"), (["one.csv", "--protocol", "frame"], "--protocol"),
    (["one.csv", "--subjects", "some"], "--subjects"), (["one.csv", "--csv", "one.csv/x.csv"], "one.csv")])
def test_nonsense(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "one.csv", TINY)
    assert words in refuses(*arguments)


def test_nonsense_of_the_program(tmp_path):
    assert "name a result" in fails()
