"""Tables as people's spreadsheets save them: the same numbers in every way, and one line for what cannot be read."""
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pain.errors import Problem
from pain.evaluation.results import read_result
from pain.labels.reading import parse_labels, read_labels
from pain.people_tables import parse_people_table, read_people_table
from support.project import run_tool

KNOWN = "label", "frame", "time_s"


def parse(text, encoding="utf-8"):
    return parse_people_table(text.encode(encoding), "theirs.csv", KNOWN)


# What spreadsheets write.

def test_a_german_table():
    made, = parse_labels(b"time_s;label\n0,0;3\n10,0;4\n", "theirs.csv")
    assert (made.by, made.at.tolist(), made.label.tolist(), made.note) == ("time_s", [0, 10], [3, 4], "")


ENCODINGS = "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "utf-32"
MARKED = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}


@pytest.mark.parametrize("separator, comma, end, encoding", list(itertools.product(
    ",;\t", (False, True), ("\n", "\r\n", "\r"), ENCODINGS)))
def test_every_way_gives_the_same_numbers(separator, comma, end, encoding):
    times, quote = (0, 0.04, 10.5, 1234.25), '"%s"' if separator == "," else "%s"
    lines = [separator.join(["Time (s)", " LABEL ", "rated by"])] + [
        separator.join([quote % str(time).replace(".", "," if comma else "."), str(i), "Bj\u00f6rn"])
        for i, time in enumerate(times)]
    for head, tail in ("", ""), ("sep=%s%s" % (separator, end), end), ("", end + 2 * separator + end + end):
        for mark in {b"", MARKED.get(encoding, b"")}:
            content = mark + (head + end.join(lines) + tail).encode(encoding)
            table = parse_people_table(content, "theirs.csv", KNOWN)
            label, at = table.numbers("label", "time_s")
            assert at.tolist() == list(times) and label.tolist() == [0, 1, 2, 3]
            assert table.texts("rated_by") == 4 * ["Bj\u00f6rn"]
            assert table.lines.tolist() == [i + 2 + bool(head) for i in range(4)]


@pytest.mark.parametrize("text, rows", [
    ("\n\nPatient 7;;\n\nFrame;Label;\n0;3;\n;;\n1;4;\n", [(0, 3), (1, 4)]),  # a title, and empty columns and lines
    ("# by hand\n# frame,label\n0,3\n# a blink, and a cough, here\n1,4\n", [(0, 3), (1, 4)]),  # numpy.savetxt's header
    ('"frame","label","note"\n"0","3","one, two"\n"1","4","an ""ouch"""\n', [(0, 3), (1, 4)]),
    ("frame,label,note\n0,3\n1,4,x,,\n", [(0, 3), (1, 4)]),  # cells that are empty may be missing or too many
    ("frame\tlabel\n0\t3,0\n1\t4,0\n", [(0, 3), (1, 4)]),
    ("frame,label\n0,3\n1,\u22124\n", [(0, 3), (1, -4)]),  # the minus sign of Swedish spreadsheets
    ("sep=|\nframe|label\n0|3\n1|4\n", [(0, 3), (1, 4)]),
    ("frame;label\n0;1,5e0\n1;+4,\n", [(0, 1.5), (1, 4)]),
    ('label;frame;"a;b"\n3;0;"x\ny"\n4;1;\n', [(0, 3), (1, 4)])])
def test_other_ways(text, rows):
    frame, label = parse(text).numbers("frame", "label")
    assert list(zip(frame, label)) == rows


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), st.sampled_from(";\t"),
       st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=6), min_size=8, max_size=8))
def test_numbers_with_commas_come_back(values, separator, notes):
    rows = ["%s%s0%s%s" % (("%.7f" % value).replace(".", ","), separator, separator, '"%s"' % note.replace('"', '""'))
            for value, note in zip(values, notes)]
    table = parse("\n".join(["time_s%slabel%snote" % (separator, separator), *rows]))
    assert table.numbers("time_s")[0] == pytest.approx(values, abs=1e-6)
    assert table.texts("note") == [note.strip() for note in notes[:len(values)]]


def test_predictions_of_others(tmp_path):
    text = "Subject;Video;Frame;Label;Prediction\r\n\u00e4;v;f1;0;0,25\r\n\u00e4;v;f2;5;4,5\r\n;;;;\r\n"
    for encoding in ENCODINGS:
        (tmp_path / "theirs.csv").write_bytes(text.encode(encoding))
        video, = read_result(tmp_path / "theirs.csv").videos
        assert video[:2] == ("\u00e4", "v") and video.label.tolist() == [0, 5]
        assert video.prediction.tolist() == [0.25, 4.5]


def test_many_rows(tmp_path):
    path = tmp_path / "theirs.csv"
    path.write_text("frame,label\n" + "".join("%d,%d\n" % (i, i % 6) for i in range(50000)))
    table = read_people_table(path, KNOWN)
    frame, label = table.numbers("frame", "label")
    assert (frame == np.arange(50000)).all() and (label == np.arange(50000) % 6).all()
    assert (table.lines == np.arange(50000) + 2).all()


def test_lines_are_those_on_which_rows_end():
    table = parse('frame,label\n1,2\n\n"x\ny\nz",4\n5,6\n')
    assert (table.lines.tolist(), table.texts("label")) == ([2, 6, 7], ["2", "4", "6"])


# What cannot be read.

def refused(text, encoding="utf-8"):
    content = text if isinstance(text, bytes) else text.encode(encoding)
    with pytest.raises(Problem) as raised:
        parse_labels(content, "theirs.csv")
    assert str(raised.value).startswith("theirs.csv: ") and "\n" not in str(raised.value)
    assert "make it again" not in str(raised.value) and "make predict" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("text, words", [
    ("", "no column label, for it is empty"), (";;\n\n", "for it is empty"),
    ("Zeit;Wert\n0;1\n", "no column label in its header; it has: zeit, wert"),
    ("frame,label,Label\n0,1,2\n", "more than one column label"),
    ("frame,label\n", "no rows below the header"), ("frame;label\n;\n", "no rows"),
    ("time_s,label\n0,5,3\n", "line 2 has 3 cells, the header 2; put quotes"),
    ("time_s;label\n0,5;3\n1.000,5;4\n", "line 3: 1.000,5, but"),
    ("time_s;label\n0,5;3\n1.5;4\n", "line 3: 1.5, but 0,5 on line 2"),
    ('frame,label\n"1,000",3\n', "line 2: is 1,000 a thousand or a fraction?"),
    ("frame\tlabel\n1,000\t3\n", "line 2: is 1,000 a thousand or a fraction?"),
    ('frame,label\n0,1\n1,"2\n', "line 3: unexpected end of data"),
    ('frame,label\n0,1\n1,"2"3\n', "line 3: ',' expected"),
    ("time_s;label\n0:60;3\n", "line 2: the time_s is none"),
    ("frame,label\r0,1\r\r1,7\r", "line 4: the label is not a number 0..5"),
    (b"PK\x03\x04 an .xlsx", "a spreadsheet program's own file; save it there as CSV"),
    (b"\xd0\xcf\x11\xe0 an .xls", "a spreadsheet program's own file"),
    (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01", "not a text file"), (bytes(range(256)), "not a text file"),
    (b"\xff\xfef\x00r\x00a", "not a text file")])
def test_one_line_says_where_and_why(text, words):
    assert words in refused(text)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(Problem, match="no.csv: no such file$"):
        read_labels(tmp_path / "no.csv")
    with pytest.raises(Problem, match="a folder, not a table"):
        read_labels(tmp_path)


# Labels from 1.

def test_labels_counted_from_one_are_noticed(tmp_path):
    line = refused("frame,label\n" + "".join("%d,%d\n" % (i, i % 6 + 1) for i in range(12)))
    assert "lines 7, 13: the label is not a number 0..5; labels 1..6 and none that is 0 look as if counted from 1" \
        in line
    assert "from 1" not in refused("frame,label\n0,0\n1,6\n")
    assert "from 1" not in refused("frame,label\n0,2\n1,7\n")
    made, = parse_labels(b"frame,label\n0,1\n1,5\n", "theirs.csv")
    assert made.note == "theirs.csv: no label is 0; if they are counted from 1, take 1 off each"
    assert parse_labels(b"frame,label\n0,0\n1,5\n", "theirs.csv")[0].note == ""
    (tmp_path / "theirs.csv").write_text("subject,video,frame,label,prediction\na,v,1,1,0\na,v,2,6,0\n")
    with pytest.raises(Problem, match="line 3: the label is not a number 0..5; labels 1..6 and none that is 0"):
        read_result(tmp_path / "theirs.csv")


def test_evaluate_says_that_no_label_is_0(tmp_path):
    for lowest, noticed in (1, True), (0, False):
        (tmp_path / "theirs.csv").write_text(
            "subject,video,frame,label,prediction\na,v,1,%d,0\na,v,2,5,0\n" % lowest)
        said = run_tool("evaluate.py", tmp_path / "theirs.csv").stdout
        assert ("theirs.csv: no label is 0; if they are counted from 1" in said) == noticed and "Table 1" in said
