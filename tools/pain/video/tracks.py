"""One person's rows of a curve as arrays over all frames."""
from typing import NamedTuple

import numpy as np

from pain.video.curve import FOUND, INTERPOLATED, VALUES, Row

LONGEST = 1.0  # seconds that a frame lasts; without a frame for longer, and for two usual frames, the video pauses


class Track(NamedTuple):
    """One person over the N frames of the video: (N,) bool, and (N,) float64, NaN where there is none."""

    person: int
    found: np.ndarray  # whether the face is
    interpolated: np.ndarray  # whether it is
    doubted: np.ndarray
    intensity: np.ndarray
    spread: np.ndarray
    low: np.ndarray
    high: np.ndarray
    smoothed: np.ndarray


def in_order(rows: list[Row]) -> tuple[dict[int, int], np.ndarray]:
    """The video's frames: {frame: its place 0..N-1}, and their times in seconds on a player's clock, (N,) float64."""
    times = {row.frame: row.media_time_s for row in rows}
    frames = sorted(times)
    return dict(zip(frames, range(len(frames)))), np.array([times[frame] for frame in frames], float)


def tracks(rows: list[Row]) -> list[Track]:
    """A list of Track, one a person, by number."""
    place, of = in_order(rows)[0], {}
    for row in rows:
        if row.person:
            of.setdefault(row.person, []).append(row)
    return [track_of(person, of[person], place) for person in sorted(of)]


def track_of(person: int, rows: list[Row], place: dict[int, int]) -> Track:
    """The Track of the person whose Rows these are. place: of in_order()."""
    at = [place[row.frame] for row in rows]

    def column(values, missing):
        whole = np.full(len(place), missing)
        whole[at] = values
        return whole

    return Track(person, column([row.face == FOUND for row in rows], False),
                 column([row.face == INTERPOLATED for row in rows], False),
                 column([bool(row.doubt) for row in rows], False),
                 **{field: column([getattr(row, field) for row in rows], np.nan) for field in VALUES})


def best(track: Track) -> np.ndarray:
    """The smoothed intensity where there is one, else the intensity, (N,) float64."""
    return np.where(np.isnan(track.smoothed), track.intensity, track.smoothed)


def lasts(times: np.ndarray) -> np.ndarray:
    """How long each frame lasts, (N,) float64 seconds; 0 for the only frame there is."""
    gaps = np.diff(times)
    if not len(gaps):
        return np.zeros(len(times))
    usual = np.median(gaps)
    return np.append(np.minimum(gaps, max(LONGEST, usual)), usual)


def pauses(times: np.ndarray) -> np.ndarray:
    """Where the video pauses between a frame and the next, (N - 1,) bool: nothing is known of what lies between."""
    gaps = np.diff(times)
    return gaps > max(LONGEST, 2 * np.median(gaps)) if len(gaps) else np.zeros(0, bool)
