"""What is made of a pain curve: smoothed in time, summed up person by person, and written as JSON.

A frame lasts until the next frame of the video, but at most LONGEST seconds, or a usual frame if that is longer; the
last one as long as a usual one. An episode is a stretch in which the intensity is at least a threshold; the smoothed
intensity counts where there is one. Two episodes with less than `minimum` seconds between them, below the threshold or
without an intensity, are one; one that is shorter than that itself is none.
"""
import json
from collections import namedtuple

import numpy as np

from align_faces import LANDMARKS
from cli import Problem, replacing
from curve import FOUND, INTERPOLATED, NOTICE

LONGEST = 1.0  # seconds
REACH = 4  # of the Gaussian, in standard deviations
ROUNDING = 1e-5  # seconds; curve.csv rounds times to a tenth of that
THRESHOLDS, MINIMUM = (1, 2, 3), 0.2  # of intensity; seconds
AT_A_TIME = 1 << 20  # numbers that smoothing holds

# One person over the N frames of the video: found, interpolated (whether a face is), doubted: (N,) bool; intensity,
# spread, low, high, smoothed: (N,) float64, NaN where there is none.
Track = namedtuple("Track", "person found interpolated doubted intensity spread low high smoothed")


def in_order(rows):
    """The video's frames: {frame: its place 0..N-1}, and their times in seconds, (N,) float64."""
    times = {row.frame: row.time for row in rows}
    frames = sorted(times)
    return dict(zip(frames, range(len(frames)))), np.array([times[frame] for frame in frames], float)


def tracks(rows):
    """A list of Track, one a person, by number."""
    place, of = in_order(rows)[0], {}
    for row in rows:
        if row.person:
            of.setdefault(row.person, []).append(row)
    return [track_of(person, of[person], place) for person in sorted(of)]


def track_of(person, rows, place):
    """The Track of the person whose Rows these are. place: of in_order()."""
    at = [place[row.frame] for row in rows]

    def column(values, missing):
        whole = np.full(len(place), missing)
        whole[at] = values
        return whole

    return Track(person, column([row.face == FOUND for row in rows], False),
                 column([row.face == INTERPOLATED for row in rows], False),
                 column([bool(row.doubt) for row in rows], False),
                 *(column([getattr(row, field) for row in rows], np.nan) for field in Track._fields[4:]))


def best(track):
    """The smoothed intensity where there is one, else the intensity, (N,) float64."""
    return np.where(np.isnan(track.smoothed), track.intensity, track.smoothed)


def lasts(times):
    """How long each frame lasts, (N,) float64 seconds; 0 for the only frame there is."""
    gaps = np.diff(times)
    if not len(gaps):
        return np.zeros(len(times))
    usual = np.median(gaps)
    return np.append(np.minimum(gaps, max(LONGEST, usual)), usual)


# Smoothing.

def smooth(rows, kind, seconds):
    """`rows` with `smoothed` filled in, person by person, where there is an intensity; that stays what it was.

    kind: "gaussian", of standard deviation `seconds`, in which frames weigh as long as they last, or "median", of the
    frames within `seconds` / 2 either way. What is missing counts for nothing: neighbours fill its place, and those
    further off than the filter reaches, `seconds` / 2 or REACH standard deviations, do not count.
    """
    if kind not in FILTERS or not seconds > 0:
        raise Problem("smoothing: %s of %s s is none; take %s, and more than 0 s"
                      % (kind, seconds, " or ".join(sorted(FILTERS))))
    place, times = in_order(rows)
    weights = np.minimum(np.gradient(times), lasts(times).max()) if len(times) > 1 else np.ones(len(times))
    smoothed = {}
    for one in tracks(rows):
        smoothed[one.person], there = np.full(len(times), np.nan), ~np.isnan(one.intensity)
        if there.any():
            smoothed[one.person][there] = FILTERS[kind](times[there], one.intensity[there], weights[there], seconds)
    return [row._replace(smoothed=float(smoothed[row.person][place[row.frame]])) if row.person else row for row in rows]


def gaussian(times, values, weights, seconds):
    """The weighted means of `values`, (N,) each, a Gaussian of `seconds` around every one of the times."""
    def mean(index, inside, at):
        weight = np.where(inside, weights[index], 0) * np.exp(-0.5 * ((times[index] - times[at, None]) / seconds) ** 2)
        return (weight * values[index]).sum(axis=1) / weight.sum(axis=1)
    return by_windows(times, REACH * seconds, mean)


def median(times, values, weights, seconds):
    """The medians of the `values`, (N,), within `seconds` / 2 of each of the times."""
    def middle(index, inside, at):
        ordered = np.sort(np.where(inside, values[index], np.inf), axis=1)
        count = inside.sum(axis=1)
        return (ordered[np.arange(len(at)), (count - 1) // 2] + ordered[np.arange(len(at)), count // 2]) / 2
    return by_windows(times, seconds / 2, middle)


def by_windows(times, reach, function):
    """function(index, inside, at) of the frames within `reach` seconds of each of N frames, put together as (N,).

    index: (n, width) int, which frames, for the n frames `at`; inside: (n, width) bool, whether they do count.
    """
    first = np.searchsorted(times, times - reach - ROUNDING)
    end = np.searchsorted(times, times + reach + ROUNDING, "right")
    width = (end - first).max()
    parts = []
    for at in np.array_split(np.arange(len(times)), len(times) * width // AT_A_TIME + 1):
        index = first[at, None] + np.arange(width)
        parts.append(function(np.minimum(index, len(times) - 1), index < end[at, None], at))
    return np.concatenate(parts)


FILTERS = {"gaussian": gaussian, "median": median}


# Summing up.

def summary(about, rows, thresholds=THRESHOLDS, minimum=MINIMUM):
    """What a curve says, as a dict ready for JSON; what is undefined is None. minimum: of an episode, in seconds.

    A person's frames found, interpolated and without a face are all frames; those doubted are among the first two.
    """
    times, people = in_order(rows)[1], tracks(rows)
    durations = lasts(times)
    anyone = np.any([np.zeros(len(times), bool), *(one.found | one.interpolated for one in people)], axis=0)
    return dict(source=about.get("source"), frames=len(times), frames_without_anyone=int((~anyone).sum()),
                duration_s=number(times[-1] + durations[-1] - times[0] if len(times) > 1 else np.nan),
                minimum_s=float(minimum),
                people=[of_person(one, times, durations, thresholds, minimum) for one in people])


def of_person(track, times, durations, thresholds, minimum):
    """summary() of one Track."""
    values = best(track)
    there = ~np.isnan(values)
    peak = np.nanargmax(values) if there.any() else None
    face, known = track.found | track.interpolated, durations[there].sum() if len(times) > 1 else np.nan
    return dict(
        person=int(track.person), of="intensity" if np.isnan(track.smoothed).all() else "smoothed",
        frames=dict(found=int(track.found.sum()), interpolated=int(track.interpolated.sum()),
                    without_face=int((~face).sum()), doubted=int(track.doubted.sum()),
                    with_intensity=int(there.sum())),
        seconds_with_intensity=number(known), mean=number(mean_over_time(values, durations)),
        peak=None if peak is None else dict(intensity=number(values[peak]), time_s=number(times[peak])),
        thresholds=[dict(at_least=float(threshold), **time_at_least(values, durations, known, threshold),
                         episodes=[of_episode(values, times, durations, *one)
                                   for one in episodes(values, times, threshold, minimum)])
                    for threshold in thresholds])


def time_at_least(values, durations, known, threshold):
    """For how long the values are at least the threshold, and the share of the seconds `known` that is."""
    seconds = durations[values >= threshold].sum() if known > 0 else np.nan  # false for NaN
    return dict(seconds=number(seconds), share=number(seconds / known if known > 0 else np.nan))


def episodes(values, times, threshold, minimum=MINIMUM):
    """The first and the last frame of each episode, a list of pairs of indices into (N,) values and times."""
    above = np.concatenate([[False], values >= threshold, [False]])
    first, last = np.flatnonzero(above[1:] & ~above[:-1]), np.flatnonzero(above[:-1] & ~above[1:]) - 1
    end, found = times + lasts(times), []
    for a, b in zip(first.tolist(), last.tolist()):
        if found and times[a] - end[found[-1][1]] < minimum - ROUNDING:
            a = found.pop()[0]
        found.append((a, b))
    return [(a, b) for a, b in found if end[b] - times[a] >= minimum - ROUNDING]


def of_episode(values, times, durations, first, last):
    """When an episode begins, is highest and ends, in seconds, and how high it is, highest and on average."""
    inside = slice(first, last + 1)
    apex = first + np.nanargmax(values[inside])
    return dict(onset_s=number(times[first]), apex_s=number(times[apex]),
                offset_s=number(times[last] + durations[last]), apex=number(values[apex]),
                mean=number(mean_over_time(values[inside], durations[inside])))


def mean_over_time(values, durations):
    """The mean of the values that are there, each weighing as long as it lasts; NaN if none is."""
    there = ~np.isnan(values)
    if not there.any():
        return np.nan
    return np.average(values[there], weights=durations[there] if durations[there].any() else None)


# JSON.

def write_json(path, about, rows, summary):
    """Write the curve, a row a line, with what it is of, its summary and the notice, as a JSON file, whole or not."""
    with replacing(path) as partial, open(str(partial), "w", encoding="utf-8") as file:
        file.write('{"notice": %s,\n"about": %s,\n"summary": %s,\n"curve": [' % tuple(
            json.dumps(part, allow_nan=False) for part in (NOTICE, about, summary)))
        for i, row in enumerate(rows):
            file.write((",\n" if i else "\n") + json.dumps(as_dict(row), allow_nan=False))
        file.write("\n]}\n")


def as_dict(row):
    """A Row as a dict ready for JSON, None for what is not there; as exact as in curve.csv."""
    return dict(
        frame=int(row.frame), time_s=number(row.time), person=int(row.person), face=row.face,
        box=None if row.box is None else [number(v, 2) for v in row.box],
        confidence=None if row.confidence is None else number(row.confidence, 4),
        landmarks=None if row.landmarks is None else {
            name: [number(v, 3) for v in point] for name, point in zip(LANDMARKS, row.landmarks)},
        doubt=row.doubt or None, **{field: number(getattr(row, field))
                                    for field in ("intensity", "spread", "low", "high", "smoothed")})


def number(value, digits=6):
    """`value` as a float of so many digits, None for NaN."""
    return None if np.isnan(value) else round(float(value), digits)
