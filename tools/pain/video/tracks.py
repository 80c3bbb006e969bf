"""One person's rows of a curve as arrays over all frames."""
from collections import namedtuple

import numpy as np

from pain.video.curve import FOUND, INTERPOLATED

LONGEST = 1.0  # seconds

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
