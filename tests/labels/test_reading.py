"""The same labels by ELAN, BORIS and spreadsheets: the same frames have them, and the same scores come out."""
import numpy as np
import pytest

from pain.errors import Problem
from pain.labels.reading import parse_labels, read_labels
from pain.labels.record import Reading
from pain.video.labels import compare, mean_of, on_frames
from support import label_files as files
from support.curves import curve

A = [(0.4, 2.0, 1), (2.0, 3.48, 4), (5.0, 5.04, 1.5), (7.36, 10.0, 0)]
B = [(0.36, 2.2, 2), (2.2, 3.0, 3), (6.0, 9.0, 0)]
TIMES = np.arange(files.FRAMES) / files.RATE


def by_hand(intervals):
    """The label of every frame, (N,), NaN where there is none."""
    values = np.full(files.FRAMES, np.nan)
    for i, time in enumerate(TIMES):
        for onset, offset, label in intervals:
            if onset <= time < offset:
                values[i] = label
    return values


def each(path, **reading):
    """{rater: (N,) labels} in a file."""
    return {labels.rater: on_frames(labels, range(files.FRAMES), TIMES)[0]
            for labels in read_labels(path, Reading(**reading))}


def per_frame(path, from_one=False):
    rows = [(i + from_one, value) for i, value in enumerate(by_hand(A)) if value == value]
    files.table(path, "frame,label", rows)


FORMS = {
    "a.eaf": (lambda path: files.eaf(path, {"rater A": A}), {}),
    "a.txt": (lambda path: files.elan_text(path, {"A": A}), {}),
    "named.txt": (lambda path: files.elan_text(path, {"A": A}, header=True), {}),
    "columns.txt": (lambda path: files.elan_columns(path, {"A": A}), {}),
    "boris.csv": (lambda path: files.boris(path, A), {}),
    "behaviors.csv": (lambda path: files.boris(path, A, modifier=False), {}),
    "boris7.tsv": (lambda path: files.boris(path, A, old=True), {}),
    "aggregated.csv": (lambda path: files.aggregated(path, A), {}),
    "intervals.csv": (lambda path: files.table(path, "onset,offset,label", A), {}),
    "ms.csv": (lambda path: files.table(path, "label,start_ms,duration_ms", [
        (label, round(1000 * on), round(1000 * (off - on))) for on, off, label in A]), {}),
    "clock.csv": (lambda path: files.table(path, "Onset,Offset,Label", [
        (files.clock(on), files.clock(off), label) for on, off, label in A]), {}),
    "frames.csv": (per_frame, {}),
    "from_one.csv": (lambda path: per_frame(path, True), dict(first_frame=1)),
    "times.csv": (lambda path: files.table(path, "time_ms,label", [
        (round(1000 * time), value) for time, value in zip(TIMES, by_hand(A)) if value == value]), {}),
}


@pytest.mark.parametrize("name", FORMS)
def test_the_same_labels_in_every_form(tmp_path, name):
    write, reading = FORMS[name]
    write(tmp_path / name)
    np.testing.assert_array_equal(each(tmp_path / name, **reading)[""], by_hand(A))
    rows = curve(TIMES, np.random.RandomState(0).uniform(0, 5, files.FRAMES).round(6))
    scores = compare(rows, read_labels(tmp_path / name, Reading(**reading)))
    values = np.array([row.intensity for row in rows])[~np.isnan(by_hand(A))]
    assert scores["mae"] == round(np.abs(values - by_hand(A)[~np.isnan(by_hand(A))]).mean(), 6)
    assert (scores["frames"], scores["labels_without_frame"]) == (len(values), 0)


@pytest.mark.parametrize("name", ["a.eaf", "a.txt", "columns.txt", "wide.csv", "long.csv"])
def test_two_raters(tmp_path, name):
    if name == "wide.csv":
        pairs = enumerate(zip(by_hand(A), by_hand(B)))
        files.table(tmp_path / name, "frame,label_A,label_B", [
            (i, *("" if value != value else value for value in pair)) for i, pair in pairs])
    elif name == "long.csv":
        files.table(tmp_path / name, "Rater,onset,offset,label", [
            (rater, *interval) for rater, some in (("B", B), ("A", A)) for interval in some])
    else:
        write = {"a.eaf": files.eaf, "a.txt": files.elan_text, "columns.txt": files.elan_columns}[name]
        write(tmp_path / name, {"rater A": A, "rater B": B})
    made = each(tmp_path / name)
    assert set(made) == {"a", "b"}
    np.testing.assert_array_equal(made["a"], by_hand(A))
    np.testing.assert_array_equal(made["b"], by_hand(B))
    both = np.stack([by_hand(A), by_hand(B)])
    mean = [np.mean(pair[pair == pair]) if (pair == pair).any() else np.nan for pair in both.T]
    np.testing.assert_array_equal(mean_of(both), mean)


def test_a_second_is_all_its_frames(tmp_path):
    files.table(tmp_path / "a.csv", "second,label", [(1, 3), (4, 0.5)])
    np.testing.assert_array_equal(each(tmp_path / "a.csv")[""], by_hand([(1, 2, 3), (4, 5, 0.5)]))
    files.table(tmp_path / "a.csv", "onset,offset,label", A)
    made = each(tmp_path / "a.csv", unmarked=0)[""]
    np.testing.assert_array_equal(made, np.nan_to_num(by_hand(A)))


def test_rounded_times_are_of_the_frames_they_were_read_from():
    """At 30000/1001 frames a second no frame is at a millisecond, and ELAN and BORIS know nothing finer."""
    times = (np.arange(300) * 1001 / 30000).round(6)
    for first, last in (1, 2), (2, 77), (100, 101):
        text = "onset_ms,offset_ms,label\n%d,%d,3\n" % (round(1000 * times[first]), round(1000 * times[last]))
        labels, = parse_labels(text.encode(), "a.csv")
        values, lost = on_frames(labels, range(300), times)
        assert np.flatnonzero(values == 3).tolist() == list(range(first, last)) and lost == 0


def test_pspi_is_quantised_or_left():
    content = b"frame,PSPI,Anna\n0,0,1\n1,5,2\n2,16,3\n3,5.5,4\n"
    quantised, = parse_labels(content, "a.csv", Reading(pspi=True, raters=("PSPI",)))
    assert quantised.label.tolist() == [0, 4, 5, 5]
    raw, = parse_labels(content, "a.csv", Reading(pspi=True, raw=True, raters=("pspi",)))
    assert raw.label.tolist() == [0, 5, 16, 5.5]
    anna, = parse_labels(content, "a.csv", Reading(raters=("anna",)))
    assert anna.label.tolist() == [1, 2, 3, 4]


def test_whose_and_of_which_video_they_are(tmp_path):
    files.table(tmp_path / "a.csv", "video,subject,frame,rater,label",
                [("v 1.mp4", "s1", 0, "x", 1), ("w", "s2", 0, "x", 2), ("v 1.mp4", "s1", 0, "Coder y", 3)])
    made = [(one.video, one.subject, one.rater, one.label.tolist()) for one in read_labels(tmp_path / "a.csv")]
    assert made == [("v 1.mp4", "s1", "x", [1]), ("w", "s2", "x", [2]), ("v 1.mp4", "s1", "y", [3])]
    files.eaf(tmp_path / "a.eaf", {"A": A})
    files.boris(tmp_path / "b.csv", A)
    assert [read_labels(tmp_path / name)[0].video for name in ("a.eaf", "b.csv")] == [
        "file:///C:/their videos/visit 1.mp4", "D:\\visit 1.mp4"]


START = b"Observation id,Behavior,Behavior type,Time\no,pain 3,START,1\n"


@pytest.mark.parametrize("name, content, words", [
    ("a.csv", b"onset,offset,label\n1,3,3\n2,4,1\n", "lines 2, 3: intervals of one rater overlap"),
    ("a.csv", b"onset,offset,label\n3,1,3\n", "line 2: the interval does not end after its onset"),
    ("a.csv", b"onset,label\n3,1\n", "onset, but neither offset nor duration"),
    ("a.csv", b"second,label\n0.5,1\n", "line 2: the second is none"),
    ("a.csv", b"frame,label\n0,7\n", "line 2: the label is not a number 0..5; correct it, or if they are PSPI"),
    ("a.csv", b"frame,label_a,label_b\n0,,\n", "no label in any row"),
    ("a.csv", START, "line 2: pain 3 does not stop"),
    ("a.csv", START.replace(b"START", b"STOP"), "line 2: pain 3 stops without a start"),
    ("a.csv", START + START.split(b"\n")[1] + b"\n", "line 3: pain 3 starts again"),
    ("a.csv", START.replace(b"pain 3", b"pain"), "no state with a number"),
    ("a.csv", START.replace(b"Time", b"When"), "no column time in its header"),
    ("a.txt", b"A\t\t0.0\t1.0\tstrong\n", "a.txt: line 1 is 'strong'; a tier of labels has a number in every ann"),
    ("a.txt", b"Tier\tBegin Time - msec\tAnnotation\nA\t1\t3\n", "neither end times nor durations"),
    ("a.eaf", b"", "not a readable ELAN file"), ("a.eaf", b"<?xml version='1.0'?><a/>", "not a readable ELAN file"),
    ("a.txt", b"<ANNOTATION_DOCUMENT", "not a readable ELAN file")])
def test_what_is_none(name, content, words):
    with pytest.raises(Problem) as raised:
        parse_labels(content, name)
    assert words in str(raised.value) and str(raised.value).startswith(name) and "\n" not in str(raised.value)


def test_tiers_of_an_eaf_that_hold_none(tmp_path):
    files.eaf(tmp_path / "a.eaf", {"A": [(0, 1, "3"), (1, 2, "3?")]})
    with pytest.raises(Problem, match=r"a.eaf: tier A, annotation 2 is '3\?'; .*tier words, annotation 1 is 'ouch'"):
        read_labels(tmp_path / "a.eaf")
    with pytest.raises(Problem, match="no tier C; it has: A, words"):
        read_labels(tmp_path / "a.eaf", Reading(raters=("C",)))
    files.eaf(tmp_path / "a.eaf", {"A": [(0, 1, "3"), (0.5, 2, "6")]})
    with pytest.raises(Problem, match="tier A, annotation 2: the label is not a number"):
        read_labels(tmp_path / "a.eaf")
