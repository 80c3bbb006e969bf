"""calibration.py and video/labels.py: intervals against shares known by construction, ground truth, and refusals."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pain.errors import Problem
from pain.evaluation.calibration import GRID, Calibration, intervals, shortest
from pain.video import labels
from pain.video.curve import FOUND, Row, no_face
from pain.video.labels import Labels, compare, placed, to_draw
from support.predictions import AUTHORS, write
from support.project import needs_shared


def result(path, subjects):
    """A predictions.csv of {subject: [(label, prediction), ...]}."""
    return write(path / "predictions.csv", [(subject, "v", "f%05d" % i, label, prediction)
                                            for subject, frames in subjects.items()
                                            for i, (label, prediction) in enumerate(frames)])


def frames(prediction, counts):
    """(label, prediction) pairs of so many frames of each label, from 0."""
    return [(label, prediction) for label, count in enumerate(counts) for _ in range(count)]


def test_intervals_are_the_shortest_ones_that_hold_90_percent(tmp_path):
    each = (frames(0.1, [95, 4, 1]) + frames(1.5, [5, 46, 45, 4]) + frames(2.8, [0, 4, 30, 31, 31, 4])
            + frames(4.9, [3, 2, 3, 2, 60, 30]))
    made = Calibration(result(tmp_path, {"a": each, "b": each, "c": each}))
    low, high = made.bounds(np.array([0, 0.1, 1.5, 2.8, 4.9, 5, np.nan]))
    assert low.tolist()[:-1] == [0, 0, 1, 2, 4, 4] and high.tolist()[:-1] == [0, 0, 2, 4, 5, 5]
    assert np.isnan(low[-1]) and np.isnan(high[-1])
    assert (made.frames, made.subjects) == (3 * 400, 3)
    low, high = made.bounds(np.linspace(-1, 6, 50))  # whatever the net may say
    assert np.isfinite(low).all() and np.isfinite(high).all()


def test_bounds_of_noise_are_those_of_its_formula(tmp_path):
    random = np.random.RandomState(0)  # the label is the prediction, give or take less than 1
    frames = [[(int(np.floor(p + random.uniform())), p) for p in random.uniform(0, 5, 4000)] for _ in range(4)]
    made = Calibration(result(tmp_path, dict(zip("abcd", frames))))
    for p in 0.5, 1.5, 2.5, 3.5, 4.5:  # floor(p) and the next one, half of the time each
        assert [float(end) for end in made.bounds(p)] == [np.floor(p), np.floor(p) + 1]


def test_subjects_weigh_alike(tmp_path):
    long, short = frames(0.2, [0, 0, 0, 0, 0, 2000]), frames(0.2, [100])
    subjects = dict([("long", long)] + [("s%d" % i, short) for i in range(12)])
    assert float(Calibration(result(tmp_path / "12", subjects)).bounds(0.2)[1]) == 0  # one of 13, 63 % of the frames
    del subjects["s0"], subjects["s1"], subjects["s2"], subjects["s3"]
    assert float(Calibration(result(tmp_path / "8", subjects)).bounds(0.2)[1]) == 5  # one of 9


@given(st.integers(0, 2 ** 16), st.integers(3, 6))
@settings(max_examples=20, deadline=None)
def test_bounds_rise_and_are_everywhere(seed, subjects):
    random = np.random.RandomState(seed)
    label = random.randint(0, 6, 600)
    low, high = intervals(random.randint(0, subjects, 600), label, np.clip(label + 2 * random.normal(size=600), 0, 5))
    assert len(low) == len(high) == len(GRID) == 51 and (0 <= low).all() and (low <= high).all() and (high <= 5).all()
    assert (np.diff(low) >= 0).all() and (np.diff(high) >= 0).all()


def test_what_is_like_a_rare_prediction():
    subject = np.repeat([0, 1, 2], 1000)
    prediction = np.tile(np.concatenate([np.zeros(900), np.linspace(1, 1.5, 100)]), 3)
    label = np.where(prediction > 0, 3, 0)
    low, high = intervals(subject, label, prediction)
    assert (low[GRID > 1], high[GRID > 1]) == (pytest.approx(3), pytest.approx(3))  # also at 5: the nearest there are
    for few, expected in (40, (0, 5)), (95, (5, 5)):  # too few: the 60, or the 5, that come next count as well
        prediction = np.linspace(0, 4, 3000)
        prediction[:few] = 5
        low, high = intervals(subject, np.where(prediction == 5, 5, 0), prediction)
        assert (low[-1], high[-1]) == expected


@given(st.lists(st.integers(0, 20), min_size=6, max_size=6).filter(any))
def test_shortest_by_trying_all(weight):
    low, high = shortest(np.array(weight, float))
    held = {(a, b): sum(weight[a:b + 1]) for a in range(6) for b in range(a, 6)}
    enough = [ends for ends, some in held.items() if 10 * some >= 9 * sum(weight)]
    assert (low, high) in enough and high - low == min(b - a for a, b in enough)
    assert held[low, high] == max(held[a, b] for a, b in enough if b - a == high - low)


def test_coverage_by_hand(tmp_path):
    usual, odd = frames(0.5, [300, 0, 0]), frames(0.5, [75, 0, 225])
    made = Calibration(result(tmp_path, dict(zip("abcd", [usual, usual, usual, odd]))))
    # Without d all others' labels are 0; without one of the others, a quarter is d's 2.
    assert made.coverage() == {"a": 1, "b": 1, "c": 1, "d": 0.25}
    assert made.check() == ("90 % intervals held 81.2 % of the frames of subjects they were not made from (25.0..100.0 "
                            "over 4 subjects)")


@needs_shared
def test_intervals_hold_for_the_authors_subjects():
    made = Calibration(AUTHORS)
    shares = list(made.coverage().values())
    assert len(shares) == made.subjects == 25 and made.frames == 48391
    assert 0.88 < np.mean(shares) < 0.96
    low, high = made.bounds(made.prediction)
    assert ((low <= made.label) & (made.label <= high)).mean() >= 0.9


@pytest.mark.parametrize("subjects, words", [
    ({"a": 100, "b": 100, "c": 100}, "300 frames of 3 subjects are too few"),
    ({"a": 900, "b": 900}, "1800 frames of 2 subjects are too few"), ({}, "no such file")])
def test_too_few(tmp_path, subjects, words):
    path = tmp_path / "predictions.csv"
    if subjects:
        result(tmp_path, {subject: frames(1, [count]) for subject, count in subjects.items()})
    with pytest.raises(Problem, match=words):
        Calibration(path)


def test_a_folder_is_one_result(tmp_path):
    for subject in "abc":
        result(tmp_path / subject, {subject: frames(1, [100, 100])})
    assert Calibration(tmp_path).frames == 600


# Ground truth.

def rows(values, rate=10., person=1):
    return [Row(i, i / rate, person, FOUND, None, None, None, "", v, np.nan, np.nan, np.nan, v / 2)
            for i, v in enumerate(values)]


def read(tmp_path, text):
    (tmp_path / "labels.csv").write_text(text)
    return labels.labels(tmp_path / "labels.csv")


def test_labels_by_frame_and_by_time(tmp_path):
    made = read(tmp_path, "video,label,frame\nv,5,2\nv,0,0\n")
    assert (made.by, made.at.tolist(), made.label.tolist()) == ("frame", [0, 2], [0, 5])
    assert [part.tolist() for part in placed(rows([1, 2, 3, 4]), made)] == [[0, 2], [0, 5]]
    made = read(tmp_path, "time_s,label\n0.04,1\n0.16,2\n0.21,3\n0.349,4\n0.36,5\n")  # 3 is the nearer one to 0.2
    assert [part.tolist() for part in placed(rows([1, 2, 3, 4]), made)] == [[0, 2, 3], [1, 3, 4]]
    times, values = to_draw(rows([1, 2, 3, 4]), made)
    assert times == pytest.approx([0, 0.2, 0.3]) and values.tolist() == [1, 3, 4]


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=20), st.lists(st.floats(0, 20), max_size=20, unique=True))
def test_the_nearest_frame_by_trying_all(gaps, at):
    times = np.cumsum(gaps)
    at = np.sort(at)
    ours = [one._replace(time=time) for one, time in zip(rows([1.] * len(times)), times)]
    frames, label = placed(ours, Labels("time_s", at, np.arange(len(at))))
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
    made = compare(curve, Labels("frame", np.array([0., 1, 2, 3, 5, 9]), np.array([0, 2, 2, 5, 1, 3])))
    # 1 for 0, 2 for 2, 4 for 5
    assert made == dict(person=1, of="intensity", frames=3, without_intensity=2, without_label=1,
                        labels_without_frame=1, mae=pytest.approx(2 / 3, abs=1e-6), mse=pytest.approx(2 / 3, abs=1e-6),
                        wmae=pytest.approx(2 / 3, abs=1e-6), wmse=pytest.approx(2 / 3, abs=1e-6),
                        pcc=pytest.approx(np.corrcoef([0, 2, 5], [1, 2, 4])[0, 1], abs=1e-6),
                        icc31=pytest.approx(2 * 7.6666666 / (12.6666666 + 4.6666666), abs=1e-6))
    halved = compare(curve, Labels("frame", np.array([0., 1]), np.array([1, 1])), of="smoothed", person=2)
    assert halved["mae"] == 1 and halved["person"] == 2 and halved["pcc"] is None
    nothing = compare([no_face(0, 0., 0)], Labels("frame", np.array([0.]), np.array([1])))
    assert nothing["frames"] == 0 and nothing["person"] is nothing["mae"] is None


@pytest.mark.parametrize("text, words", [
    ("frame,label\n0,1\n1,6\n2,x\n", r"labels.csv: lines 3, 4: the label is not an integer 0\.\.5"),
    ("frame,label\n0,1\n0.5,1\n", "line 3: the frame is none"), ("time_s,label\n-1,1\n", "line 2: the time_s is none"),
    ("frame,label\n1,1\n2,3\n1,1\n", "lines 2, 4: the frame is there more than once"),
    ("label\n1\n", "neither a column frame nor time_s"), ("frame,pspi\n0,1\n", "no column label"),
    ("frame,label\n", "no rows"), ("time_s,label\nnan,1\n", "line 2: the time_s is none")])
def test_labels_that_are_none(tmp_path, text, words):
    with pytest.raises(Problem, match=words):
        read(tmp_path, text)
