"""video.curve: what is written comes back, any program can read it, and what is no curve is refused by its line."""
import csv
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pain.errors import Problem
from pain.notice import notice, short_notice
from pain.provenance import ARCHIVE, KINDS, OWN, SYNTHETIC, UNKNOWN, Data, Origin, Start, as_dict, origin_said
from pain.video.curve import (
    BOX,
    COLUMNS,
    DOUBTS,
    FACES,
    FOUND,
    NONE,
    POINTS,
    ROW_COLUMNS,
    CurveWriter,
    Row,
    fields,
    no_face,
    parse,
    read_curve,
    write_curve,
)
from support.curves import curve, row

ABOUT = {"source": "a video, \"ünïcode\"\n\u2028\udcff.mp4", "models": ["a", "b"], "settings": {"every": 1}}
SHOWN = 'a video, "ünïcode"   .mp4'
SLOW = dict(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])

pixels, sides = st.floats(-1e4, 1e4), st.floats(0.01, 1e4)
intensities = st.one_of(st.just(np.nan), st.floats(0, 5))


@st.composite
def some_rows(draw):
    """The Rows of up to six frames, up to three people in each."""
    rows, time, start = [], 0., draw(st.sampled_from([0., 3.02]))
    for frame in range(draw(st.integers(1, 6))):
        people = draw(st.sets(st.integers(1, 3), max_size=3))
        rows += [no_face(frame, time, 0, time + start)] if not people else []
        for person in sorted(people):
            face = draw(st.sampled_from(FACES))
            box = np.array(draw(st.tuples(pixels, pixels, sides, sides))) if face == FOUND else None
            points = None if face == NONE else np.array(draw(st.tuples(*[pixels] * 10))).reshape(5, 2)
            doubt = draw(st.sampled_from(["", *DOUBTS]))
            rated = draw(st.booleans()) and face != NONE and not doubt
            rows.append(Row(frame, time, time + start, person, face, box,
                            draw(st.floats(0, 1)) if face == FOUND else None, points, doubt,
                            *((draw(st.floats(0, 5)), *draw(st.tuples(*[intensities] * 4))) if rated else ())))
        time += draw(st.floats(0.001, 2))
    return rows


def same(row, other):
    """Whether two Rows are the same but for the digits that curve.csv keeps."""
    close = [np.allclose(np.full(1, np.nan) if a is None else a, np.full(1, np.nan) if b is None else b, 0, atol,
                         equal_nan=True) and (a is None) == (b is None)
             for a, b, atol in zip(row[5:8] + row[9:], other[5:8] + other[9:], [5.1e-3, 5.1e-5, 5.1e-4] + 5 * [5.1e-7])]
    return row[:1] + row[3:5] + (row.doubt,) == other[:1] + other[3:5] + (other.doubt,) and all(close) \
        and abs(row.time_s - other.time_s) < 5.1e-7 and abs(row.media_time_s - other.media_time_s) < 5.1e-7


@given(some_rows())
@settings(max_examples=40, **SLOW)
def test_rows_come_back(tmp_path, rows):
    write_curve(tmp_path / "curve.csv", ABOUT, rows)
    about, read = read_curve(tmp_path / "curve.csv")
    assert about == ABOUT and len(read) == len(rows) and all(map(same, read, rows))
    assert [fields(row) for row in read] == [fields(row) for row in rows]  # and so does what was read
    assert list(map(type, read[0])) == list(map(type, parse(fields(read[0]))))


def test_file_is_what_any_reader_of_csv_takes_it_for(tmp_path):
    row = Row(7, 0.28, 3.28, 2, FOUND, np.array([1., 2, 30, 40]), 0.987654, np.arange(10.).reshape(5, 2), "", 3.25,
              np.nan, 2.5, 4, np.nan)
    write_curve(tmp_path / "curve.csv", ABOUT, [row])
    lines = (tmp_path / "curve.csv").read_text(encoding="utf-8").split("\n")
    assert lines[2:] == [""]  # a header, a line a row, and nothing else
    one, = csv.DictReader(lines)
    assert list(one) == list(COLUMNS) and len(COLUMNS) == 1 + 5 + len(BOX) + 1 + len(POINTS) + 7 + 1
    assert one["video"] == SHOWN and one["notice"] == short_notice(Origin())
    assert [one[name] for name in ("frame", "time_s", "media_time_s", "person", "face")] == [
        "7", "0.280000", "3.280000", "2", "found"]
    assert [float(one[name]) for name in BOX] == [1, 2, 30, 40] and one["confidence"] == "0.9877"
    assert [float(one[name]) for name in POINTS] == list(range(10)) and one["nose_y"] == "5.000"
    assert (one["intensity"], one["spread"], one["low"], one["high"]) == ("3.250000", "", "2.500000", "4.000000")
    assert one["turned"] == "0"


def test_pandas_reads_it_with_its_defaults_and_stacks_several(tmp_path):
    pandas = pytest.importorskip("pandas")
    for name in "ab":
        rows = [*curve([0, 0.04], [1, 2]), row(2, 0.08, np.nan, doubt=DOUBTS[0]), no_face(3, 0.12, 1)]
        write_curve(tmp_path / (name + ".csv"), {"source": name + ".mp4"}, rows)
    table = pandas.concat([pandas.read_csv(tmp_path / "a.csv"), pandas.read_csv(tmp_path / "b.csv")])
    assert list(table.columns) == list(COLUMNS) and len(table) == 8
    assert table["frame"].dtype == table["person"].dtype == int and table["intensity"].dtype == float
    assert table.groupby("video")["intensity"].max().to_dict() == {"a.mp4": 2, "b.mp4": 2}
    assert list(table["face"])[:4] == ["found"] * 3 + ["none"]
    with open(tmp_path / "stack.csv", "w") as file:
        table.to_csv(file, index=False)
    with pytest.raises(Problem, match="stack.csv: line 6: frame 0 in the place of frame 4; make the curve again$"):
        read_curve(tmp_path / "stack.csv")
    write_curve(tmp_path / "a.csv", {"source": "a.mp4"}, [no_face(i, i, 0) for i in range(2)])
    text = (tmp_path / "a.csv").read_text()
    (tmp_path / "c.csv").write_text(text[:-1].rpartition("\n")[0] + "\n" + text.splitlines()[2].replace("a.mp4", "b"))
    (tmp_path / "c.csv").write_text((tmp_path / "c.csv").read_text() + "\n")
    with pytest.raises(Problem, match="c.csv: line 3: a row of another video, or of other nets"):
        read_curve(tmp_path / "c.csv")


@pytest.mark.parametrize("name, shown", [("a.mp4", "a.mp4"), (None, ""), ("=1+2.mp4", "'=1+2.mp4"), ("a\n\tb", "a  b"),
                                         ("@\0", "'@ "), ("\udcffé", " é")])
def test_the_column_video_is_one_line_that_no_spreadsheet_computes(tmp_path, name, shown):
    write_curve(tmp_path / "curve.csv", {"source": name}, [no_face(0, 0, 0)])
    text = (tmp_path / "curve.csv").read_text(encoding="utf-8")
    assert text.count("\n") == 2 and text.split("\n")[1].startswith(shown + ",")
    assert read_curve(tmp_path / "curve.csv")[0] == {"source": name}


# What the nets have learned from.

ORIGINS = [Origin(Data(kind, 4, 480, (300, 60, 50, 40, 20, 10), ("01-a",)), "mse", 400, Start("trunk", "0", OWN))
           for kind in KINDS]


@pytest.mark.parametrize("origin", ORIGINS, ids=KINDS)
def test_the_file_says_what_the_nets_learned_from(tmp_path, origin):
    path = tmp_path / "curve.csv"
    write_curve(path, dict(ABOUT, origin=as_dict(origin)), [no_face(0, 0, 0)])
    account = (tmp_path / "curve.about.json").read_text(encoding="utf-8")
    assert json.loads(account)["notice"] == notice(origin) and ("patients" in account) == (origin.kind == ARCHIVE)
    assert path.read_text(encoding="utf-8").endswith(",%s\n" % csv_cell(short_notice(origin)))
    assert origin_said(read_curve(path)[0]) == origin
    (tmp_path / "curve.about.json").unlink()  # such as of the page, which gives away the table alone
    about, _ = read_curve(path)
    assert about["source"] == SHOWN and origin_said(about) == Origin(Data(origin.kind))


def csv_cell(text):
    return '"%s"' % text if "," in text else text


@pytest.mark.parametrize("change", [{"source": "another"}, {"origin": as_dict(ORIGINS[KINDS.index(ARCHIVE)])}])
def test_the_account_of_another_curve_is_not_believed(tmp_path, change):
    write_curve(tmp_path / "curve.csv", dict(ABOUT, origin=as_dict(ORIGINS[KINDS.index(SYNTHETIC)])),
                [no_face(0, 0, 0)])
    synthetic = (tmp_path / "curve.csv").read_bytes()
    write_curve(tmp_path / "curve.csv", dict(ABOUT, origin=as_dict(ORIGINS[KINDS.index(SYNTHETIC)]), **change)
                if "source" in change else dict(ABOUT, **change), [no_face(0, 0, 0)])
    (tmp_path / "curve.csv").write_bytes(synthetic)
    with pytest.raises(Problem, match="curve.about.json: of another curve than curve.csv"):
        read_curve(tmp_path / "curve.csv")


def test_another_wording_of_the_notice_does_no_harm(tmp_path):
    write_curve(tmp_path / "curve.csv", dict(ABOUT, origin=as_dict(ORIGINS[0])), [no_face(0, 0, 0)])
    text = (tmp_path / "curve.csv").read_text(encoding="utf-8")
    (tmp_path / "curve.csv").write_text(text.replace(csv_cell(short_notice(ORIGINS[0])), "as it once was"),
                                        encoding="utf-8")
    assert origin_said(read_curve(tmp_path / "curve.csv")[0]) == ORIGINS[0]
    (tmp_path / "curve.about.json").unlink()
    assert origin_said(read_curve(tmp_path / "curve.csv")[0]).kind == UNKNOWN


@pytest.mark.parametrize("content", ["", "{", "[]", '{"about": 1}', "[" * 100000, '{"a":' * 300 + "1" + "}" * 300])
def test_a_damaged_account_is_one_line(tmp_path, content):
    write_curve(tmp_path / "curve.csv", ABOUT, [no_face(0, 0, 0)])
    (tmp_path / "curve.about.json").write_text(content)
    with pytest.raises(Problem, match="curve.about.json: damaged; remove it, or make the curve again$"):
        read_curve(tmp_path / "curve.csv")
    write_curve(tmp_path / "curve.csv", ABOUT, [])
    assert read_curve(tmp_path / "curve.csv") == (ABOUT, [])


# Older versions'.

def older(path, drop=("video", "notice")):
    """Make a curve.csv that of an older version: two lines of comments, and then a table without those columns."""
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    lines = ["# Trained on patients.", "# " + json.dumps(ABOUT), ",".join(c for c in COLUMNS if c not in drop)]
    path.write_text("\n".join(lines + [",".join(row[c] for c in COLUMNS if c not in drop) for row in rows]) + "\n",
                    encoding="utf-8")
    path.with_suffix(".about.json").unlink()


def test_an_older_versions_curve_is_read(tmp_path):
    rows = [*curve([0, 0.04], [1, 2]), no_face(2, 0.08, 1)]
    write_curve(tmp_path / "curve.csv", ABOUT, rows)
    older(tmp_path / "curve.csv")
    about, read = read_curve(tmp_path / "curve.csv")
    assert about == ABOUT and origin_said(about).kind == UNKNOWN and list(map(fields, read)) == list(map(fields, rows))
    (tmp_path / "curve.csv").write_text("# a\n# %s\n%s\n" % ("[" * 10 ** 5, ",".join(ROW_COLUMNS)))
    with pytest.raises(Problem, match="curve.csv: line 3: JSON that is nested too deeply"):
        read_curve(tmp_path / "curve.csv")


def test_an_older_versions_curve_is_refused_for_what_it_lacks(tmp_path):
    write_curve(tmp_path / "curve.csv", ABOUT, [no_face(i, i / 8, 0, 3 + i / 8) for i in range(3)])
    older(tmp_path / "curve.csv", ("video", "notice", "media_time_s"))
    with pytest.raises(Problem, match="curve.csv: a curve of an older version, without media_time_s; make it again$"):
        read_curve(tmp_path / "curve.csv")


# As it grows, and what is none.

@given(some_rows(), st.data())
@settings(max_examples=40, **SLOW)
def test_a_file_that_is_cut_anywhere_holds_the_rows_that_are_whole(tmp_path, rows, data):
    path = tmp_path / "curve.csv"
    write_curve(path, ABOUT, rows)
    whole = path.read_bytes()
    cut = data.draw(st.integers(whole.index(b"\n") + 1, len(whole)))
    path.write_bytes(whole[:cut])
    left = whole[:cut].count(b"\n") - 1
    about, read = read_curve(path)
    assert about == ABOUT and [fields(row) for row in read] == [fields(row) for row in rows[:left]]


def test_what_is_known_is_in_the_file_at_once(tmp_path):
    writer = CurveWriter(tmp_path / "curve.csv", {})
    for frame in range(3):
        writer.write([no_face(frame, frame / 10, 0)])
        assert [row.frame for row in read_curve(tmp_path / "curve.csv")[1]] == list(range(frame + 1))
    writer.close()


def changed(line, **cells):
    """Line `line` (the header is line 1) of a curve of four frames, with these cells."""
    def change(rows):
        rows[line - 2].update(cells)
    return change


@pytest.mark.parametrize("change, said", [
    (lambda rows: rows.pop(1), "line 3: frame 2 in the place of frame 1"),
    (lambda rows: rows.pop(0), "line 2: frame 1 in the place of frame 0"),
    (lambda rows: rows.reverse(), "line 2: frame 3 in the place of frame 0"),
    (lambda rows: rows.insert(1, rows.pop(2)), "line 3: frame 2 in the place of frame 1"),
    (lambda rows: rows.insert(1, dict(rows[0])), "line 3: person 1 does not belong here"),
    (changed(4, frame="-3"), "line 4: frame -3 in the place of frame 2"),
    (changed(4, frame="2.5"), "line 4: invalid literal for int"),
    (changed(4, frame=""), "line 4: invalid literal for int"),
    (changed(4, frame="9" * 5000), "line 4: "),
    (changed(4, time_s="inf"), "line 4: inf is no number"),
    (changed(4, time_s="nan"), "line 4: nan is no number"),
    (changed(4, time_s=""), "line 4: could not convert"),
    (changed(4, time_s="soon"), "line 4: could not convert string to float: 'soon'"),
    (changed(4, time_s="0.04"), "line 4: time_s 0.04 is no later than in the frame before"),
    (changed(4, media_time_s="0.01"), "line 4: media_time_s 0.01 is no later"),
    (changed(3, frame="0", person="2"), "line 3: another time than in the row above"),
    (changed(4, person="-1"), "line 4: person -1 does not belong"),
    (changed(4, person="0"), "line 4: person 0 does not belong"),
    (changed(4, face="some"), "line 4: face some is none of found, interpolated, none"),
    (changed(4, face="none"), "line 4: box, confidence or landmarks that do not go with a face that is none"),
    (changed(4, face="interpolated"), "line 4: box, confidence or landmarks"),
    (changed(4, box_x=""), "line 4: could not convert"),
    (changed(4, nose_y="-inf"), "line 4: -inf is no number"),
    (changed(4, nose_y="-1e308"), "line 4: box or landmarks beyond 1000000 pixels"),
    (changed(4, box_x="1e7"), "line 4: box or landmarks beyond"),
    (changed(4, box_width="0"), "line 4: a box without an area"),
    (changed(4, confidence="1.5"), "line 4: confidence 1.5 is not within 0..1"),
    (changed(4, doubt="dark"), "line 4: doubt dark is none of outside, pose, blur"),
    (changed(4, doubt="blur"), "line 4: intensity where there is no intensity, or none may be"),
    (changed(4, intensity="99"), "line 4: intensity 99.0 is not within 0..5"),
    (changed(4, intensity="-1"), "line 4: intensity -1.0 is not within 0..5"),
    (changed(4, intensity="nan"), "line 4: nan is no number"),
    (changed(4, low="6"), "line 4: low 6.0 is not within 0..5"),
    (changed(4, intensity="", smoothed="3"), "line 4: smoothed where there is no intensity, or none may be"),
    (changed(5, intensity="1"), "line 5: intensity where there is no intensity, or none may be"),
    (changed(4, video="b"), "line 4: a row of another video"),
    (changed(4, notice="trained on patients"), "line 4: a row of another video, or of other nets"),
])
def test_what_somebody_has_changed_is_refused_by_its_line(tmp_path, change, said):
    path = tmp_path / "curve.csv"
    write_curve(path, ABOUT, [*curve([0, 0.04, 0.08], [1, 2, 3]), no_face(3, 0.12, 1)])
    with open(str(path), newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    change(rows)
    with open(str(path), "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(Problem, match="curve.csv: " + said) as error:
        read_curve(path)
    assert str(error.value).endswith("; make the curve again") and "\n" not in str(error.value)


def test_what_a_spreadsheet_makes_of_it_is_read(tmp_path):
    """A byte order mark, other ends of lines, fewer zeros, a column of somebody's own."""
    path = tmp_path / "curve.csv"
    write_curve(path, ABOUT, [row(i, i / 4, 1.5) for i in range(3)])
    expected, lines = read_curve(path), path.read_text(encoding="utf-8").splitlines()
    path.write_text("\ufeff" + "".join(line.replace(".500000", ".5") + end + "\r\n" for line, end in zip(
        lines, (",mine", ",1", ",", ",x"))), encoding="utf-8", newline="")
    about, rows = read_curve(path)
    assert (about, list(map(fields, rows))) == (expected[0], list(map(fields, expected[1])))


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\0\1\2", b"\xff\xfe\x00", b"# a", b"# a\n# {}\n",
                                     ",".join(COLUMNS[:20]).encode()])
def test_what_is_no_curve_is_refused(tmp_path, content):
    (tmp_path / "wrong.csv").write_bytes(content)
    with pytest.raises(Problem, match="wrong.csv: "):
        read_curve(tmp_path / "wrong.csv")
    with pytest.raises(Problem, match="none.csv: no such curve"):
        read_curve(tmp_path / "none.csv")
