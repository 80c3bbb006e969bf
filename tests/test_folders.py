"""Folders as people have them: numbers in names count, and what systems leave there is nobody's data."""
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pain.folders import contents, files_below, is_clutter, natural


@given(st.permutations(range(0, 120, 7)), st.sampled_from(["%d", "frame%d.png", "7b_%d_x2", "\u00b2%d"]))
def test_numbers_count_as_numbers(numbers, name):
    assert sorted([name % number for number in numbers], key=natural) == [name % number for number in sorted(numbers)]


def test_every_two_names_have_an_order():
    names = ["1", "01", "a", "a1", "1a", "", "\u00b2", "\u0663", "a01", "a1b", "A1"]
    for one, other in itertools.permutations(names, 2):
        assert (natural(one) < natural(other)) != (natural(other) < natural(one))


@pytest.mark.parametrize("name", ["._frame.png", ".DS_Store", ".git", "Thumbs.db", "thumbs.DB", "desktop.ini", "@eaDir",
                                  "__MACOSX", "~$labels.xlsx", "$RECYCLE.BIN", "System Volume Information", "Icon\r"])
def test_what_systems_leave_is_passed_over(tmp_path, name):
    for there in name, "frame10.png", "frame9.png", "MACOSX", "eaDir", "Thumbs":
        (tmp_path / there).touch()
    assert is_clutter(name)
    assert [path.name for path in contents(tmp_path)] == ["MACOSX", "Thumbs", "eaDir", "frame9.png", "frame10.png"]


def test_files_below_pass_over_what_is_in_clutter(tmp_path):
    for folder in "b", "a", "@eaDir", "a/__MACOSX", "a/.b":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "predictions.csv").touch()
    assert files_below(tmp_path, "predictions.csv") == [tmp_path / name / "predictions.csv" for name in "ab"]
