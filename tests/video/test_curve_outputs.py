"""What is made of a curve: smoothing by formulas and SciPy, episodes by hand, the picture."""
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from pain import plots
from pain.errors import Problem
from pain.notice import NOTICE
from pain.video import plot
from pain.video.curve import FOUND, INTERPOLATED, NONE, Row, no_face, write_json
from pain.video.episodes import episodes
from pain.video.smoothing import Filter, smooth
from pain.video.summary import summary

try:
    from matplotlib import colors
except (ImportError, OSError) as error:  # OSError: Debian's, unpacked elsewhere, does not find its own data
    pytest.skip("matplotlib does not start: %s" % error, allow_module_level=True)

BOX, POINTS = np.array([10., 20, 30, 40]), np.arange(10.).reshape(5, 2)


def row(frame, time, intensity, person=1, face=FOUND, doubt="", spread=np.nan, low=np.nan, high=np.nan,
        smoothed=np.nan):
    found = face == FOUND
    return Row(frame, time, person, face, BOX if found else None, 0.9 if found else None,
               None if face == NONE else POINTS, doubt, intensity, spread, low, high, smoothed)


def curve(times, values, person=1, **fields):
    return [row(i, t, v, person, **fields) for i, (t, v) in enumerate(zip(times, values))]


def smoothed(rows, kind, seconds):
    return np.array([one.smoothed for one in smooth(rows, kind, seconds)])


# Smoothing.

times_and_values = st.lists(st.tuples(st.floats(0.002, 3), st.one_of(st.just(np.nan), st.floats(0, 5))), min_size=1,
                            max_size=25).map(lambda pairs: (np.cumsum([p[0] for p in pairs]), [p[1] for p in pairs]))


def test_gaussian_is_scipys_at_a_steady_rate():
    values = np.random.RandomState(0).uniform(0, 5, 300)
    ours = smoothed(curve(np.arange(300) / 50, values), "gaussian", 0.1)  # 5 frames
    assert ours[25:-25] == pytest.approx(ndimage.gaussian_filter1d(values, 5)[25:-25], abs=1e-9)
    values[100:130] = np.nan  # normalised convolution: what is missing weighs nothing
    there = ~np.isnan(values)
    expected = (ndimage.gaussian_filter1d(np.where(there, values, 0), 5)
                / np.maximum(ndimage.gaussian_filter1d(there.astype(float), 5), 1e-12))
    ours = smoothed(curve(np.arange(300) / 50, values), "gaussian", 0.1)
    assert np.isnan(ours).tolist() == (~there).tolist()
    assert ours[25:-25][there[25:-25]] == pytest.approx(expected[25:-25][there[25:-25]], abs=1e-9)


def test_gaussian_is_of_time_and_not_of_frames():
    times = np.concatenate([np.arange(0, 10, 0.01), np.arange(10, 20, 0.1)])  # the rate falls to a tenth
    ours = smoothed(curve(times, 2.5 + 2 * np.sin(2 * times)), "gaussian", 0.3)
    inside = (times > 1.5) & (times < 18.5)
    damped = 2.5 + 2 * np.exp(-(2 * 0.3) ** 2 / 2) * np.sin(2 * times)  # what a Gaussian leaves of a sine
    assert np.abs(ours - damped)[inside].max() < 0.02
    assert np.abs(ours - 2.5 - 2 * np.sin(2 * times))[inside].max() > 0.3


def test_median_is_scipys_at_a_steady_rate_and_drops_a_spike():
    values = np.random.RandomState(1).uniform(0, 5, 200)
    ours = smoothed(curve(np.round(np.arange(200) / 30, 6), values), "median", 0.3)  # 4.5 frames either way
    assert ours[9:-9] == pytest.approx(ndimage.median_filter(values, 9)[9:-9])
    spike = np.where(np.arange(50) == 20, 5., 1.)
    assert smoothed(curve(np.arange(50) / 25, spike), "median", 0.2).tolist() == [1.] * 50


@given(times_and_values, st.floats(0.01, 2), st.sampled_from(["gaussian", "median"]))
@settings(max_examples=60, deadline=None)
def test_what_is_missing_stays_missing_and_nothing_leaves_its_range(made, seconds, kind):
    times, values = made[0], np.array(made[1])
    rows = curve(times, values)
    ours, there = smoothed(rows, kind, seconds), ~np.isnan(values)
    assert np.isnan(ours).tolist() == (~there).tolist()
    assert [one.intensity for one in smooth(rows, kind, seconds)] == pytest.approx(values, nan_ok=True)
    reach = 4 * seconds if kind == "gaussian" else seconds / 2
    for i in np.flatnonzero(there):
        near = values[(np.abs(times - times[i]) <= reach + 1e-4) & there]
        assert near.min() - 1e-9 <= ours[i] <= near.max() + 1e-9
    assert smoothed(curve(times, np.where(there, 3.5, np.nan)), kind, seconds)[there] == pytest.approx(3.5)


@pytest.mark.parametrize("kind, seconds", [("gaussian", 0.2), ("median", 1.6)])  # both reach 0.8 s
def test_runs_mix_unless_the_gap_is_longer_than_the_reach(kind, seconds):
    def both_sides(gap):
        times = np.concatenate([np.arange(5), 4 + round(10 * gap) + np.arange(5)]) / 10
        return smoothed(curve(times, [0.] * 5 + [5.] * 5), kind, seconds)
    assert both_sides(0.9) == pytest.approx([0.] * 5 + [5.] * 5, abs=1e-12)
    assert both_sides(0.3)[4] > 0


def test_people_do_not_mix_and_frames_without_anyone_are_kept():
    rows = [row(0, 0., 0.), row(0, 0., 5., 2), no_face(1, 0.1, 0), row(2, 0.2, 5., 2), row(2, 0.2, 0.),
            no_face(3, 0.3, 1)]
    made = smooth(rows, "gaussian", 1.)
    assert [one.smoothed for one in made] == pytest.approx([0, 5, np.nan, 5, 0, np.nan], nan_ok=True)
    assert [one[:3] for one in made] == [one[:3] for one in rows]


@pytest.mark.parametrize("kind, seconds", [("mean", 1), ("gaussian", 0), ("median", -1), ("median", np.nan)])
def test_no_such_smoothing(kind, seconds):
    with pytest.raises(Problem, match="take gaussian or median"):
        smooth(curve([0, 1], [1, 2]), kind, seconds)


# Summing up.

def test_summary_by_hand():
    times = np.array([0, 0.5, 1, 2, 2.5, 3, 8, 8.5])  # frames last .5 .5 1 .5 .5 1 (of 5) .5 .5
    rows = curve(times, [0., 2, 4, 1, np.nan, 0.5, 3, 2])
    rows[4] = row(4, 2.5, np.nan, doubt="turned")
    rows[5] = row(5, 3, 0.5, face=INTERPOLATED)
    made = summary({"source": "a.mp4"}, rows + [no_face(8, 9., 0)], thresholds=[2, 5])  # lasts .5
    assert {key: made[key] for key in ("source", "frames", "frames_without_anyone", "duration_s")} == dict(
        source="a.mp4", frames=9, frames_without_anyone=1, duration_s=9.5)
    one, = made["people"]
    assert one["frames"] == dict(found=7, interpolated=1, without_face=1, doubted=1, with_intensity=7)
    assert one["person"] == 1 and one["of"] == "intensity" and one["seconds_with_intensity"] == 4.5
    assert one["mean"] == pytest.approx((0 * .5 + 2 * .5 + 4 * 1 + 1 * .5 + .5 * 1 + 3 * .5 + 2 * .5) / 4.5, abs=1e-6)
    assert one["peak"] == dict(intensity=4, time_s=1)
    two, five = one["thresholds"]
    assert (two["at_least"], two["seconds"], two["share"]) == (2, 2.5, pytest.approx(2.5 / 4.5, abs=1e-6))
    assert two["episodes"] == [
        dict(onset_s=0.5, apex_s=1, offset_s=2, apex=4, mean=pytest.approx(5 / 1.5, abs=1e-6)),
        dict(onset_s=8, apex_s=8, offset_s=9, apex=3, mean=2.5)]
    assert (five["seconds"], five["share"], five["episodes"]) == (0, 0, [])


@pytest.mark.parametrize("values, found", [
    ("2222222222", [(0, 1)]), ("0220000000", [(0.1, 0.3)]), ("0200000000", []),  # shorter than 0.2 s: none
    ("0202000000", [(0.1, 0.4)]), ("2220222000", [(0, 0.7)]),  # less than 0.2 s between them: one
    ("2220022200", [(0, 0.3), (0.5, 0.8)]), ("222-222000", [(0, 0.7)]), ("222--22200", [(0, 0.3), (0.5, 0.8)]),
    ("222-022200", [(0, 0.3), (0.5, 0.8)]), ("2-20000000", [(0, 0.3)]), ("00000000-2", []), ("----------", []),
    ("0000000022", [(0.8, 1)]), ("2200000000", [(0, 0.2)]), ("1111111111", [(0, 1)]), ("0000000000", [])])
def test_episodes_by_hand(values, found):
    rows = curve(np.arange(10) / 10, [np.nan if v == "-" else float(v) for v in values])
    made = summary({}, rows, thresholds=[1])["people"][0]["thresholds"][0]["episodes"]
    assert [(one["onset_s"], round(one["offset_s"], 6)) for one in made] == found


@given(times_and_values, st.floats(0, 5), st.floats(0.05, 2))
@settings(max_examples=60, deadline=None)
def test_episodes_hold_what_they_promise(made, threshold, minimum):
    times, values = made[0], np.array(made[1])
    one, = summary({}, curve(times, values), [threshold, min(5, threshold + 1)], minimum)["people"]
    low, high = one["thresholds"]
    if low["seconds"] is not None:
        assert 0 <= high["seconds"] <= low["seconds"] <= one["seconds_with_intensity"] + 1e-6
    end = -np.inf
    for episode in low["episodes"]:
        assert episode["offset_s"] - episode["onset_s"] > minimum - 1e-4 and episode["onset_s"] - end > minimum - 1e-4
        assert episode["onset_s"] <= episode["apex_s"] < episode["offset_s"] + 1e-6
        assert episode["apex"] >= threshold - 1e-6 and episode["mean"] <= episode["apex"] + 1e-6
        end = episode["offset_s"]
    for first, last in episodes(values, times, threshold, minimum):
        assert values[first] >= threshold and values[last] >= threshold


def test_smoothed_counts_where_it_is_there():
    rows = curve(np.arange(20) / 10, np.zeros(20), smoothed=3.)
    one, = summary({}, rows)["people"]
    assert one["of"] == "smoothed" and one["mean"] == 3 and one["thresholds"][2]["seconds"] == 2


def test_what_is_undefined_is_none():
    nobody = summary({}, [no_face(i, i / 10, 0) for i in range(10)])
    assert (nobody["people"], nobody["frames_without_anyone"], nobody["duration_s"]) == ([], 10, 1)
    assert summary({}, [])["duration_s"] is None
    one, = summary({}, [row(0, 0., np.nan, doubt="dark"), row(1, 0.1, np.nan, doubt="dark")])["people"]
    assert one["mean"] is one["peak"] is one["thresholds"][0]["seconds"] is one["thresholds"][0]["share"] is None
    one, = summary({}, [row(0, 0., 2.)])["people"]  # how long the only frame lasts is not known
    assert one["mean"] == 2 and one["seconds_with_intensity"] is one["thresholds"][0]["seconds"] is None
    assert one["thresholds"][0]["episodes"] == []


# JSON.

def read_strictly(path):
    def none_such(name):
        raise AssertionError("%s is no JSON" % name)
    return json.loads(path.read_text(encoding="utf-8"), parse_constant=none_such)


def test_json(tmp_path):
    rows = [row(0, 0., 1.25), row(1, 0.1, np.nan, doubt="dark"), no_face(2, 0.2, 0), row(3, 0.3, 2., face=INTERPOLATED)]
    about = {"source": "ü.mp4", "models": ["a"]}
    write_json(tmp_path / "new" / "curve.json", about, Filter("median", 0.5), summary(about, rows), rows)
    made = read_strictly(tmp_path / "new" / "curve.json")
    assert made["notice"] == NOTICE and made["about"] == about and made["summary"] == summary(about, rows)
    assert made["smoothing"] == {"kind": "median", "seconds": 0.5}
    first, doubted, nobody, guessed = made["curve"]
    assert (first["frame"], first["time_s"], first["person"], first["face"]) == (0, 0, 1, "found")
    assert first["box"] == BOX.tolist() and first["landmarks"]["right_eye"] == [2, 3] and first["intensity"] == 1.25
    assert first["doubt"] is first["smoothed"] is doubted["intensity"] is nobody["box"] is nobody["landmarks"] is None
    assert doubted["doubt"] == "dark" and guessed["confidence"] is None and len(guessed["landmarks"]) == 5
    write_json(tmp_path / "empty.json", {}, None, summary({}, []), [])
    empty = read_strictly(tmp_path / "empty.json")
    assert empty["curve"] == [] and empty["smoothing"] is None


def test_json_is_whole_or_not_there(tmp_path):
    (tmp_path / "curve.json").write_text("old")
    with pytest.raises(ValueError):
        write_json(tmp_path / "curve.json", {}, None, {"mean": float("nan")}, curve([0], [1]))
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("curve.json", "old")]


# The picture.

def test_picture_of_one():
    times = np.arange(100) / 10
    values = np.where((times >= 3) & (times < 6), 3., 0.5)
    values[80:90] = np.nan
    rows = curve(times, values, low=0.25, high=4., smoothed=np.nan)
    rows[80:90] = [row(i, times[i], np.nan, doubt="dark") for i in range(80, 85)] + [
        no_face(i, times[i], 1) for i in range(85, 90)]
    figure = plot.draw({"source": "a_$b$.mp4"}, rows, labels=(times[::10], np.arange(10) % 6))
    axes, strip = figure.axes
    line, _, truth = axes.get_lines()
    assert line.get_color() == plots.STYLES[0][0] and truth.get_color() == plots.BLUE
    assert line.get_xdata().tolist() == times.tolist()
    assert line.get_ydata() == pytest.approx(values, nan_ok=True)
    assert truth.get_ydata().tolist() == (np.arange(10) % 6).tolist()
    band, shading = axes.collections
    assert band.get_datalim(axes.transData).intervaly.tolist() == [0.25, 4]
    assert [path.get_extents().intervalx.tolist() for path in shading.get_paths()] == [pytest.approx([3, 6])]
    grey, hatched = strip.collections
    assert grey.get_paths()[0].get_extents().intervalx == pytest.approx([8.5, 9]) and not grey.get_hatch()
    assert hatched.get_paths()[0].get_extents().intervalx == pytest.approx([8, 8.5]) and hatched.get_hatch()
    assert axes.get_title() == r"a_\$b\$.mp4" and axes.get_ylim() == (-0.25, 5.25)
    assert [text.get_text() for text in strip.get_legend().get_texts()] == [
        "90 % of labels", "intensity", "at least 1", "ground truth", "no face", "in doubt"]


def test_picture_of_several_and_smoothed():
    times = np.arange(50) / 10
    rows = curve(times, np.full(50, 2.), smoothed=1.5, spread=0.5) + curve(times, np.full(50, 3.), person=3)
    axes, strip = plot.draw({}, rows, 2).axes
    assert [text.get_text() for text in strip.get_legend().get_texts()] == [
        "spread of the nets", "person 1", "not smoothed", "person 3", "at least 2"]
    drawn = {(line.get_color(), line.get_ydata()[0]) for line in axes.get_lines() if len(line.get_ydata())}
    first, third = plots.color_of(1), plots.color_of(3)
    assert drawn == {(first, 2), (first, 1.5), (third, 3)}
    bar = axes.collections[-1]  # of person 3 alone, above the curves
    assert colors.to_hex(bar.get_facecolor()[0]) == third and bar.get_paths()[0].get_extents().ymin >= 5.25
    assert [text.get_text() for text in strip.get_yticklabels()] == ["1", "3"] and axes.get_ylim()[1] > 5.25


def test_long_curves_keep_their_extremes(tmp_path):
    values = np.where(np.arange(100000) == 54321, 5., 1.)
    values[70000:80000] = np.nan
    axes, _ = plot.draw({}, curve(np.arange(100000) / 30, values)).axes
    x, y = axes.get_lines()[0].get_data()
    assert len(x) < 5 * plot.COLUMNS and np.nanmax(y) == 5 and np.nanmin(y) == 1
    assert x[np.nanargmax(y)] == pytest.approx(54321 / 30, abs=100000 / 30 / plot.COLUMNS)
    assert np.isnan(y).mean() == pytest.approx(0.1, abs=0.01)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rows", [[], [no_face(0, 0., 0)], [row(0, 0., 2.)], curve([0, 1, 2], [np.nan, 2., np.nan]),
                                  [no_face(i, i / 10, 0) for i in range(20)]])
def test_pictures_of_little(rows, tmp_path):
    figure = plot.draw({}, rows)
    figure.savefig(str(tmp_path / "curve.png"), bbox_inches="tight")
    dots = [line for line in figure.axes[0].get_lines() if line.get_marker() == "."]
    alone = [point for line in dots for point in zip(*line.get_data())]
    assert alone == [(one.time_s, 2) for one in rows if one.intensity == 2]  # a dot, where a line shows nothing
