"""A person's curve in a video, drawn small, and the frames of it that are most worth a look."""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pain.video.curve import NONE, Row
from pain.video.thinning import thinned
from pain.video.tracking import moves
from pain.video.tracks import best, in_order, pauses, track_of

COLUMNS = 240  # as fine as it is drawn
SUSPECTS = 3  # frames of a person


class Suspect(NamedTuple):
    """A frame that may not be what it seems."""

    frame: int
    media_time_s: float
    why: str


class Sketch(NamedTuple):
    """A person's curve in a video."""

    seconds: float  # from the first frame to the last
    lines: list[list[tuple[float, float]]]  # each of (seconds from the first frame, intensity) without a gap
    suspects: list[Suspect]


def sketch_of(rows: list[Row], person: int) -> Sketch:
    """The Sketch of a person among the Rows of a curve; of person 0, who is nobody, without a line."""
    place, times = in_order(rows)
    own = [row for row in rows if row.person == person]
    seconds = float(times[-1] - times[0])
    if not person:
        return Sketch(seconds, [], suspects_of(own))
    values = best(track_of(person, own, place))
    cuts = np.flatnonzero(pauses(times) | (np.isnan(values[1:]) != np.isnan(values[:-1]))) + 1
    lines = [thinned(part - times[0], value, COLUMNS) for part, value in zip(np.split(times, cuts),
                                                                            np.split(values, cuts))]
    return Sketch(seconds, [list(zip(x.round(3).tolist(), y.round(3).tolist())) for x, y in lines
                            if not np.isnan(y).any()], suspects_of(own))


def suspects_of(rows: Sequence[Row]) -> list[Suspect]:
    """Of a person's Rows the middle of the longest stretch without a face, and of the longest that is doubted, and the
    first frame with the face in another place."""
    found = [(rows[i], "no face") for i in middle_of_longest([row.face == NONE for row in rows])]
    found += [(rows[i], "doubted: " + rows[i].doubt) for i in middle_of_longest([bool(row.doubt) for row in rows])]
    found += [(row, "suddenly in another place") for row in moves(list(rows))]
    return [Suspect(row.frame, row.media_time_s, why) for row, why in found[:SUSPECTS]]


def middle_of_longest(where: Sequence[bool]) -> list[int]:
    """The middle of the longest run of True; nothing if there is none."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(where, int), [0]])))
    starts, ends = edges[::2], edges[1::2]
    return [int(starts[k] + ends[k] - 1) // 2 for k in [np.argmax(ends - starts)]] if len(edges) else []
