"""variants.py: one record a row of the paper's tables, and the files that go by its names."""
import re

import pytest

from pain.training.facenet2expnet import TEACHING
from pain.variants import METHOD, METRICS, VARIANTS, printed, title_of
from support.project import ROOT

TRAINED = [variant for variant in VARIANTS if variant.solver]
SEVEN = [variant for variant in TRAINED  # the paper's
         if "/pain_regression.prototxt" in (ROOT / "prototxt" / variant.solver).read_text()]


def test_names_and_titles_are_told_apart():
    assert len({variant.name for variant in VARIANTS}) == len({variant.title for variant in VARIANTS}) == len(VARIANTS)


def test_every_solver_is_a_variant_and_every_trained_variant_has_one():
    solvers = {"solvers/" + path.name for path in (ROOT / "prototxt" / "solvers").glob("*.prototxt")}
    assert {variant.solver for variant in TRAINED} | {"solvers/%s.prototxt" % TEACHING} == solvers and len(SEVEN) == 7


@pytest.mark.parametrize("variant", SEVEN, ids=lambda variant: variant.name)
def test_the_solver_says_which_row_it_trains(variant):
    """Its first line names the row, and its stages are the name's losses."""
    comment, *lines = (ROOT / "prototxt" / variant.solver).read_text().splitlines()
    assert '"%s"' % variant.title in comment if variant.printed else "in no table" in comment
    stages = re.findall(r'stage: "(\w+)"', "\n".join(lines))
    assert "_".join(stages) == variant.name


def test_the_papers_rows():
    """Table 1 has mae, mse and pcc, of the six rows without sampling; table 2 has wmae and wmse, of all but RCR's."""
    rows = {variant.title: variant.printed for variant in VARIANTS}
    assert all(set(figures) <= set(METRICS) for figures in rows.values())
    rows = {title: figures for title, figures in rows.items() if figures}
    assert printed("mse") == printed("RCR-style") == printed("no such row") == {}
    first = {title for title, figures in rows.items() if set(figures) & {"mae", "mse", "pcc"}}
    second = {title for title, figures in rows.items() if {"wmae", "wmse"} <= set(figures)}
    assert first == {title for title in rows if "sampling" not in title}
    assert second == set(rows) - {"RCR"}
    assert printed("smooth l1") == dict(mae=.416, mse=1.060, pcc=.524, wmae=1.596, wmse=4.396)
    best = {metric: min(rows, key=lambda title: rows[title].get(metric, 9)) for metric in ("wmae", "wmse")}
    assert set(best.values()) == {METHOD.title}  # what the paper is about


def test_titles_of_files():
    assert title_of("smooth_l1") == "smooth l1" and title_of("theirs") == "theirs"


def test_the_makefile_trains_the_whole_method():
    assert re.search(r"^VARIANT \?= (.*)$", (ROOT / "Makefile").read_text(), re.M).group(1) == METHOD.name


def test_readers_are_told_of_every_variant():
    text = "".join(path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    assert [variant.name for variant in TRAINED if "`%s`" % variant.name not in text] == []
