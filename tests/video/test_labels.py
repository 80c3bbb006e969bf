"""Ground truth for a video: which frames it is of, by trying all, and how far a curve is from it, by hand."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pain.errors import Problem
from pain.labels.reading import read_labels
from pain.labels.record import Labels
from pain.video.curve import FOUND, Row, no_face
from pain.video.labels import compare, placed


def rows(values, rate=10., person=1):
    return [Row(i, i / rate, i / rate, person, FOUND, None, None, None, "", v, np.nan, np.nan, np.nan, v / 2)
            for i, v in enumerate(values)]


def read(tmp_path, text):
    (tmp_path / "labels.csv").write_text(text)
    made, = read_labels(tmp_path / "labels.csv")
    return made


def test_labels_by_frame_and_by_time(tmp_path):
    made = read(tmp_path, "video,label,frame\nv,5,2\nv,0,0\n")
    assert (made.by, made.at.tolist(), made.label.tolist()) == ("frame", [0, 2], [0, 5])
    assert [part.tolist() for part in placed(rows([1, 2, 3, 4]), [made])[0]] == [[0, 2], [0, 0.2], [0, 5]]
    made = read(tmp_path, "time_s,label\n0.04,1\n0.16,2\n0.21,3\n0.349,4\n0.36,5\n")  # 3 is the nearer one to 0.2
    found, _ = placed(rows([1, 2, 3, 4]), [made])
    assert found.frames.tolist() == [0, 2, 3] and found.values.tolist() == [1, 3, 4]
    assert found.times == pytest.approx([0, 0.2, 0.3])
    assert [len(part) for part in placed([], [made])[0]] == [0, 0, 0]


def test_labels_by_time_are_on_a_players_clock(tmp_path):
    late = [row._replace(media_time_s=row.time_s + 3) for row in rows([1, 2, 3, 4])]  # the picture after the sound
    found, _ = placed(late, [read(tmp_path, "time_s,label\n0.1,5\n3.0,1\n3.1,2\n3.3,4\n")])
    assert found.frames.tolist() == [0, 1, 3] and found.values.tolist() == [1, 2, 4]
    assert found.times == pytest.approx([3, 3.1, 3.3])
    made = compare(late, [read(tmp_path, "time_s,label\n3.0,1\n3.1,2\n3.3,4\n")])
    assert (made["frames"], made["mae"], made["labels_without_frame"]) == (3, 0, 0)


@pytest.mark.parametrize("name", ["time_s", "Time"])
@pytest.mark.parametrize("text, seconds", [
    ("0:10", 10), ("00:01:02.500", 62.5), ("1:02:03", 3723), ("90:00", 5400), (" 0:00:07 ", 7), ("100:00:00", 360000)])
def test_clock_times(tmp_path, name, text, seconds):
    made = read(tmp_path, "%s,label\n%s,3\n0:00,1\n" % (name, text))
    assert (made.by, made.at.tolist(), made.label.tolist()) == ("time_s", [0, seconds], [1, 3])
    comma = read(tmp_path, "%s;label\n%s;3\n0:00;1\n" % (name, text.replace(".", ",")))
    assert comma.at.tolist() == [0, seconds]


def test_clock_times_and_seconds_in_one_column(tmp_path):
    assert read(tmp_path, "time_s,label\n0:10,3\n12.5,4\n").at.tolist() == [10, 12.5]


@pytest.mark.parametrize("text, noted", [
    ("frame,label\n1,0\n2,1\n3,2\n", True), ("frame,label\n3,0\n1,1\n", True),
    ("frame,label\n0,0\n1,1\n", False), ("frame,label\n2,0\n4,1\n", False), ("time_s,label\n1,0\n2,1\n", False)])
def test_frames_that_seem_to_be_counted_from_1(tmp_path, text, noted):
    note = read(tmp_path, text).note
    assert note == noted * ("%s: no label is of frame 0; if frames are counted from 1, take 1 off each"
                            % (tmp_path / "labels.csv"))


def test_a_rater_who_begins_a_frame_later_than_another(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("frame,label_a,label_b\n0,0,\n1,1,0\n")
    assert [(labels.at.tolist(), labels.note) for labels in read_labels(path)] == [([0, 1], ""), ([1], "")]


def test_two_notes(tmp_path):
    note = read(tmp_path, "frame,label\n1,1\n2,2\n").note
    assert "no label is 0; if they are counted from 1, take 1 off each; no label is of frame 0; if frames" in note


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=20), st.lists(st.floats(0, 20), max_size=20, unique=True))
def test_the_nearest_frame_by_trying_all(gaps, at):
    times = np.cumsum(gaps)
    at = np.sort(at)
    ours = [one._replace(time_s=time, media_time_s=time) for one, time in zip(rows([1.] * len(times)), times)]
    frames, _, label = placed(ours, [Labels("time_s", at, np.arange(len(at)))])[0]
    assert len(set(frames)) == len(frames)
    usual = np.median(np.append(np.minimum(np.diff(times), max(1, np.median(np.diff(times)))),
                                np.median(np.diff(times))))
    for i, time in enumerate(at):
        distance = np.abs(times - time)
        if i in label:
            assert distance[frames[list(label).index(i)]] == pytest.approx(distance.min())
        else:  # too far off, or another label is nearer to the frame
            rival = np.abs(times[distance.argmin()] - np.delete(at, i)).min(initial=np.inf)
            assert distance.min() > usual / 2 or rival <= distance.min() + 1e-9


def test_compare_by_hand():
    curve = rows([1, 2, np.nan, 4, 3]) + [no_face(5, 0.5, 0)] + rows([0.] * 3, person=2)
    made = compare(curve, [Labels("frame", np.array([0., 1, 2, 3, 5, 9]), np.array([0, 2, 2, 5, 1, 3]))])
    # 1 for 0, 2 for 2, 4 for 5
    assert made == dict(person=1, of="intensity", frames=3, without_intensity=2, without_label=1,
                        labels_without_frame=1, mae=pytest.approx(2 / 3, abs=1e-6), mse=pytest.approx(2 / 3, abs=1e-6),
                        wmae=pytest.approx(2 / 3, abs=1e-6), wmse=pytest.approx(2 / 3, abs=1e-6),
                        pcc=pytest.approx(np.corrcoef([0, 2, 5], [1, 2, 4])[0, 1], abs=1e-6),
                        icc31=pytest.approx(2 * 7.6666666 / (12.6666666 + 4.6666666), abs=1e-6))
    halved = compare(curve, [Labels("frame", np.array([0., 1]), np.array([1, 1]))], of="smoothed", person=2)
    assert halved["mae"] == 1 and halved["person"] == 2 and halved["pcc"] is None
    nothing = compare([no_face(0, 0., 0)], [Labels("frame", np.array([0.]), np.array([1]))])
    assert nothing["frames"] == 0 and nothing["person"] is nothing["mae"] is None


@pytest.mark.parametrize("text, words", [
    ("frame,label\n0,1\n1,6\n2,x\n", r"labels.csv: lines 3, 4: the label is not a number 0\.\.5"),
    ("frame,label\n0,1\n0.5,1\n", "line 3: the frame is none"), ("time_s,label\n-1,1\n", "line 2: the time_s is none"),
    ("frame,label\n1,1\n2,3\n1,1\n", "lines 2, 4: the frame is there more than once"),
    ("label\n1\n", "neither a column frame nor time_s"), ("frame,pspi\n0,1\n", "no column label"),
    ("time_s,label\n0:60,1\n0:61:00,1\n1:2:3:4,1\n-0:10,1\n0:1e1,1\n:10,1\n0:,1\n", "lines 2, 3, 4 and 4 more: the"),
    ("time,label\n0:10,1\n5,1\n", "neither a column frame nor time_s"), ("frame,label\n0:10,1\n", "the frame is none"),
    ("time_s,label\n0:10,1\n10,1\n", "lines 2, 3: the time_s is there more than once"),
    ("frame,label\n", "no rows"), ("time_s,label\nnan,1\n", "line 2: the time_s is none")])
def test_labels_that_are_none(tmp_path, text, words):
    with pytest.raises(Problem, match=words):
        read(tmp_path, text)
