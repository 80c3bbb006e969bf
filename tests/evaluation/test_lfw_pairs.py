"""lfw_pairs.py: pairs as they were written, and a line's number for what is none."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pain.errors import Problem
from pain.evaluation.lfw_pairs import Pair, read_pairs
from support.pairs import PAIRS


@pytest.fixture
def pairs_file(tmp_path):
    def write(text):
        (tmp_path / "pairs.txt").write_text(text, encoding="utf-8")
        return tmp_path / "pairs.txt"
    return write


def test_pairs_are_read_as_lfw_has_them(pairs_file):
    pairs, sets = read_pairs(pairs_file(PAIRS))
    assert sets == 3 and len(pairs) == 12
    assert pairs[0] == Pair(("Ann_Ah", 1), ("Ann_Ah", 2), True, 0, 2)
    assert pairs[3] == Pair(("Ann_Ah", 2), ("Bob_Be", 2), False, 0, 5)
    assert pairs[9] == Pair(("Dee_De", 3), ("Dee_De", 4), True, 2, 11)
    view_1, sets = read_pairs(pairs_file("2\n" + PAIRS.split("\n", 1)[1].split("Bob_Be\t1\t2")[0]))
    assert sets == 1 and view_1 == pairs[:4]
    assert read_pairs(pairs_file(PAIRS.replace("\n", "\r\n") + "\n\n")) == (pairs, 3)
    assert read_pairs(pairs_file(PAIRS.replace("\t", " "))) == (pairs, 3)


@given(st.integers(1, 4), st.integers(1, 5), st.lists(
    st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1), min_size=2, max_size=2, unique=True))
def test_any_pairs_are_read_as_they_were_written(tmp_path_factory, sets, count, names):
    path = tmp_path_factory.mktemp("pairs") / "pairs.txt"
    a, b = ("%s of %s" % (name, name) for name in names)  # between tabs names may have spaces
    written = [Pair((a, i + 1), (a if same else b, i + 2), same, s, 2 + i + count * ((not same) + 2 * s))
               for s in range(sets) for same in (True, False) for i in range(count)]
    path.write_text("%d\t%d\n" % (sets, count) + "".join(
        "%s\t%d\t%d\n" % (*one.first, one.second[1]) if one.same else "%s\t%d\t%s\t%d\n" % (*one.first, *one.second)
        for one in written), encoding="utf-8")
    assert read_pairs(path) == (written, sets)


@pytest.mark.parametrize("old, new, words", [
    ("3\t2\n", "", ["line 1", "Ann_Ah"]), ("3\t2", "3 2 1", ["line 1", "3 2 1"]), ("3\t2", "0\t2", ["line 1"]),
    ("3\t2", "3\t3", ["line 1", "are 18 lines, and 12 follow"]), ("3\t2", "", ["line 1"]),
    ("Dee_De\t3\t4\n", "", ["are 12 lines, and 11 follow"]),
    ("Ann_Ah\t3\t4", "Ann_Ah\t3\tBob_Be\t4", ["line 3", "not NAME I J"]),
    ("Ann_Ah\t1\tBob_Be\t1", "Ann_Ah\t1\t3", ["line 4", "not NAME I NAME J"]),
    ("Bob_Be\t1\t2", "Bob_Be\t1\ttwo", ["line 6", "not NAME I J"]),
    ("Bob_Be\t1\t2", "Bob_Be\t-1\t2", ["line 6"]), ("Bob_Be\t1\t2", "Bob_Be\t1\t1", ["line 6", "an image and itself"]),
    ("Bob_Be\t3\tCy_Ce\t1", "Bob_Be\t3\tBob_Be\t1", ["line 8", "one person among the mismatched"]),
    ("Bob_Be\t3\tCy_Ce\t1", "Bob_Be\t%s\tCy_Ce\t1" % ("9" * 5000), ["line 8", "a mismatched pair"]),
    ("Cy_Ce\t4\tAnn_Ah\t2\n", "\n\n", ["11 follow"])])
def test_malformed_pairs_name_their_line(pairs_file, old, new, words):
    assert PAIRS.count(old) == 1
    with pytest.raises(Problem) as raised:
        read_pairs(pairs_file(PAIRS.replace(old, new)))
    for word in ["pairs.txt", *words]:
        assert word in str(raised.value)
