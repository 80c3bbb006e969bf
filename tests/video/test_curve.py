"""video.curve: what is written comes back, a file cut anywhere is gone on with, and what is no curve is refused."""
import csv

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pain.errors import Problem
from pain.notice import notice
from pain.provenance import ARCHIVE, KINDS, OWN, Data, Origin, Start, as_dict, origin_said
from pain.video.curve import (
    BOX,
    COLUMNS,
    FACES,
    FOUND,
    NONE,
    POINTS,
    CurveWriter,
    Row,
    fields,
    no_face,
    parse,
    read_curve,
    write_curve,
)

ABOUT = {"source": "a video, ünïcode\n\u2028.mp4", "models": ["a", "b"], "settings": {"every": 1}}
SLOW = dict(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])

pixels = st.floats(-1e4, 1e4)
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
            box = np.array(draw(st.tuples(*[pixels] * 4))) if face == FOUND else None
            points = None if face == NONE else np.array(draw(st.tuples(*[pixels] * 10))).reshape(5, 2)
            rows.append(Row(frame, time, time + start, person, face, box,
                            draw(st.floats(0, 1)) if face == FOUND else None, points,
                            draw(st.sampled_from(["", "turned", "small, dark", 'said "so"'])),
                            *draw(st.tuples(*[intensities] * 5))))
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
    said, about, *table = (tmp_path / "curve.csv").read_text(encoding="utf-8").split("\n")
    assert said == "# " + notice(Origin()) and about.startswith("# {") and table[-1] == ""
    one, = csv.DictReader(table)
    assert list(one) == list(COLUMNS) and len(COLUMNS) == 5 + len(BOX) + 1 + len(POINTS) + 6
    assert [one[name] for name in ("frame", "time_s", "media_time_s", "person", "face")] == [
        "7", "0.280000", "3.280000", "2", "found"]
    assert [float(one[name]) for name in BOX] == [1, 2, 30, 40] and one["confidence"] == "0.9877"
    assert [float(one[name]) for name in POINTS] == list(range(10)) and one["nose_y"] == "5.000"
    assert (one["intensity"], one["spread"], one["low"], one["high"]) == ("3.250000", "", "2.500000", "4.000000")


ORIGINS = [Origin(Data(kind, 4, 480, (300, 60, 50, 40, 20, 10), ("01-a",)), "mse", 400, Start("trunk", "0", OWN))
           for kind in KINDS]


@pytest.mark.parametrize("origin", ORIGINS, ids=KINDS)
def test_the_head_says_what_the_nets_learned_from(tmp_path, origin):
    write_curve(tmp_path / "curve.csv", dict(ABOUT, origin=as_dict(origin)), [no_face(0, 0, 0)])
    first = (tmp_path / "curve.csv").read_text(encoding="utf-8").split("\n")[0]
    assert first == "# " + notice(origin) and ("patients" in first) == (origin.kind == ARCHIVE)
    assert origin_said(read_curve(tmp_path / "curve.csv")[0]) == origin


def test_a_curve_of_nets_of_another_origin_is_not_gone_on_with(tmp_path):
    abouts = [dict(ABOUT, origin=as_dict(origin)) for origin in ORIGINS]
    write_curve(tmp_path / "curve.csv", abouts[0], [no_face(i, i, 0) for i in range(3)])
    with pytest.raises(Problem, match="another origin; leave out --resume"):
        CurveWriter(tmp_path / "curve.csv", abouts[1], resume=True)
    CurveWriter(tmp_path / "curve.csv", abouts[0], resume=True).close()

    write_curve(tmp_path / "curve.csv", ABOUT, [no_face(i, i, 0) for i in range(3)])
    text = (tmp_path / "curve.csv").read_text(encoding="utf-8").split("\n", 1)[1]
    (tmp_path / "curve.csv").write_text("# Trained on patients.\n" + text, encoding="utf-8")  # by an older version
    writer = CurveWriter(tmp_path / "curve.csv", abouts[-1], resume=True)
    writer.close()
    assert len(writer.rows) == 2 and read_curve(tmp_path / "curve.csv")[0] == abouts[-1]
    assert "patients" not in (tmp_path / "curve.csv").read_text(encoding="utf-8")


def test_an_older_versions_curve_is_refused_for_what_it_lacks(tmp_path):
    write_curve(tmp_path / "curve.csv", ABOUT, [no_face(i, i / 8, 0, 3 + i / 8) for i in range(3)])
    text = (tmp_path / "curve.csv").read_text(encoding="utf-8")
    for i in range(3):
        text = text.replace(",%.6f,0,none" % (3 + i / 8), ",0,none")
    (tmp_path / "curve.csv").write_text(text.replace("media_time_s,", ""), encoding="utf-8")
    with pytest.raises(Problem, match="curve.csv: a curve of an older version, without media_time_s; make it again$"):
        CurveWriter(tmp_path / "curve.csv", ABOUT, resume=True)


@given(some_rows(), st.data())
@settings(max_examples=40, **SLOW)
def test_cut_anywhere_and_gone_on_with(tmp_path, smoothed, data):
    """A log, or a finished curve, whose column smoothed is not gone on with."""
    rows = [row._replace(smoothed=np.nan) for row in smoothed]
    path, frames = tmp_path / "new" / "curve.csv", [[row for row in rows if row.frame == f] for f in range(6)]
    write_curve(path, ABOUT, rows)
    log = path.read_bytes()
    write_curve(path, ABOUT, data.draw(st.sampled_from([rows, smoothed])))
    whole, start = path.read_bytes(), len(path.read_bytes().split(b"smoothed\n")[0]) + len(b"smoothed\n")
    path.write_bytes(whole[:data.draw(st.integers(start, len(whole)))])
    left = read_curve(path)[1]
    writer = CurveWriter(path, ABOUT, resume=True)
    assert [fields(row) for row in writer.rows] == [fields(row) for row in rows if row.frame < writer.next_frame]
    assert writer.next_frame == (left[-1].frame if left else 0)  # of which some rows may be missing
    for some in frames[writer.next_frame:]:
        writer.write(some)
    writer.close()
    assert path.read_bytes() == log


@given(st.data())
@settings(max_examples=30, **SLOW)
def test_cut_before_the_rows_is_refused(tmp_path, data):
    path = tmp_path / "curve.csv"
    write_curve(path, ABOUT, [])
    path.write_bytes(path.read_bytes()[:data.draw(st.integers(0, len(path.read_bytes()) - 1))])
    with pytest.raises(Problem, match="curve.csv: not a curve"):
        CurveWriter(path, ABOUT, resume=True)


def test_what_is_known_is_in_the_file_at_once(tmp_path):
    writer = CurveWriter(tmp_path / "curve.csv", ABOUT)
    for frame in range(3):
        writer.write([no_face(frame, frame / 10, 0)])
        assert [row.frame for row in read_curve(tmp_path / "curve.csv")[1]] == list(range(frame + 1))
    writer.close()


def test_refusals(tmp_path):
    with pytest.raises(Problem, match="none.csv: no such curve"):
        read_curve(tmp_path / "none.csv")
    write_curve(tmp_path / "curve.csv", ABOUT, [no_face(0, 0., 0)])
    with pytest.raises(Problem, match="another models, source; leave out --resume"):
        CurveWriter(tmp_path / "curve.csv", dict(ABOUT, models=["c"], source="b"), resume=True)
    text = (tmp_path / "curve.csv").read_text(encoding="utf-8")
    for wrong in (text + "1,0.1\n", text.replace(",none,", ",some,"), text.replace("0.000000", "soon"),
                  text.replace("frame,", "frames,"), text.replace("# {", "# ["), "a,b\n1,2\n", "", "\0\1\2"):
        (tmp_path / "wrong.csv").write_text(wrong, encoding="utf-8")
        with pytest.raises(Problem, match="wrong.csv: not a curve"):
            read_curve(tmp_path / "wrong.csv")
    (tmp_path / "wrong.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Problem, match="wrong.csv: not a curve"):
        read_curve(tmp_path / "wrong.csv")
