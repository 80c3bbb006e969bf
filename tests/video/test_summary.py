"""What a curve comes to, and its episodes: by hand, and by what they promise of any curve."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pain.video.curve import INTERPOLATED, no_face
from pain.video.episodes import episodes, quantile_over_time
from pain.video.summary import summary
from pain.video.tracks import pauses
from support.curves import curve, row, times_and_values


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
    assert one["peak"] == dict(intensity=4, time_s=1, media_time_s=1)
    assert one["area"] == 0 * .5 + 2 * .5 + 4 * 1 + 1 * .5 + .5 * 1 + 3 * .5 + 2 * .5
    assert one["doubts"] == dict(turned=1)
    # sorted 0 .5 1 2 2 3 4 last .5 1 .5 .5 .5 .5 1, and so their middles are at .25 1 1.75 2.25 2.75 3.25 4
    assert one["median"] == pytest.approx(1 + (2.125 - 1.75) / 0.5, abs=1e-6)
    assert one["percentile_95"] == pytest.approx(3 + (0.25 + 0.95 * 3.75 - 3.25) / 0.75, abs=1e-6)
    two, five = one["thresholds"]
    assert (two["at_least"], two["seconds"], two["share"]) == (2, 2.5, pytest.approx(2.5 / 4.5, abs=1e-6))
    assert two["episodes"] == [
        dict(onset_s=0.5, apex_s=1, offset_s=2, apex=4, mean=pytest.approx(5 / 1.5, abs=1e-6)),
        dict(onset_s=8, apex_s=8, offset_s=9, apex=3, mean=2.5)]
    assert (five["seconds"], five["share"], five["episodes"]) == (0, 0, [])


def test_which_way_up_people_are_is_told_by_stretches():
    turns = [None, 0, 0, 90, 90, None, 90, 0]
    rows = [kept._replace(turned=turned, media_time_s=kept.media_time_s + 3)
            for kept, turned in zip(curve(np.arange(8) / 2, [1.] * 8), turns)]
    rows.insert(4, rows[3]._replace(person=2))
    assert summary({}, rows)["turned"] == [
        dict(degrees=0, from_s=3.5, frames=2), dict(degrees=90, from_s=4.5, frames=3),
        dict(degrees=0, from_s=6.5, frames=1)]


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


def test_a_pause_of_the_video_ends_an_episode():
    times = np.append(np.arange(10) / 10, 3600 + np.arange(10) / 10)
    one, = summary({}, curve(times, [3.] * 20), [2])["people"]
    at, = one["thresholds"]
    assert at["seconds"] == one["seconds_with_intensity"] == pytest.approx(0.9 + 1 + 1)  # the tenth lasts a second
    assert [(episode["onset_s"], episode["offset_s"]) for episode in at["episodes"]] == [(0, 1.9), (3600, 3601)]
    times[10:] -= 3598  # 1.1 s after the tenth: closer to its end than episodes may be, but still a pause
    assert len(summary({}, curve(times, [3.] * 20), [2])["people"][0]["thresholds"][0]["episodes"]) == 2
    times[10:] -= 0.2  # a second or less is none
    assert len(summary({}, curve(times, [3.] * 20), [2])["people"][0]["thresholds"][0]["episodes"]) == 1


def test_a_picture_every_ten_seconds_is_no_pause():
    times = np.cumsum([10, 12, 9, 19, 10, 10])
    one, = summary({}, curve(times, [3.] * 6), [2])["people"]
    assert len(one["thresholds"][0]["episodes"]) == 1


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
        assert episode["offset_s"] - episode["onset_s"] > minimum - 1e-4
        paused = pauses(times)[(times[1:] > end - 1e-4) & (times[1:] < episode["onset_s"] + 1e-4)].any()
        assert episode["onset_s"] - end > minimum - 1e-4 or paused
        assert episode["onset_s"] <= episode["apex_s"] < episode["offset_s"] + 1e-6
        assert episode["apex"] >= threshold - 1e-6 and episode["mean"] <= episode["apex"] + 1e-6
        end = episode["offset_s"]
    for first, last in episodes(values, times, threshold, minimum):
        assert values[first] >= threshold and values[last] >= threshold


@given(st.lists(st.floats(0, 5), min_size=1, max_size=20), st.floats(0, 1))
def test_quantiles_of_frames_that_last_equally_long_are_numpys(values, share):
    assert quantile_over_time(np.array([*values, np.nan]), np.full(len(values) + 1, 0.04), share) == pytest.approx(
        np.quantile(values, share), abs=1e-9)


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
