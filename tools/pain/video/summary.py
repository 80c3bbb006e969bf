"""What a curve comes to: mean, peak, and time and episodes above thresholds, a dict a person."""
from collections import Counter
from collections.abc import Sequence

import numpy as np

from pain.files import rounded
from pain.video.curve import Row
from pain.video.episodes import (
    MINIMUM,
    THRESHOLDS,
    episodes,
    mean_over_time,
    of_episode,
    quantile_over_time,
    time_at_least,
)
from pain.video.tracking import moves
from pain.video.tracks import best, in_order, lasts, tracks


def summary(about: dict, rows: list[Row], thresholds: Sequence[float] = THRESHOLDS, minimum: float = MINIMUM) -> dict:
    """What a curve says, as a dict ready for JSON; what is undefined is None. minimum: of an episode, in seconds.

    Times are on a player's clock, but for the peak's time_s, from the first frame. A person's frames found,
    interpolated and without a face are all frames; those doubted are among the first two. Mean, median and percentile
    weigh frames by how long they last; area is under the curve, in intensity times seconds, and nothing is added where
    there is no intensity. turned says by how many degrees people are, clockwise, and from when on.
    """
    times, people = in_order(rows)[1], tracks(rows)
    durations = lasts(times)
    anyone = np.any([np.zeros(len(times), bool), *(track.found | track.interpolated for track in people)], axis=0)
    return dict(source=about.get("source"), frames=len(times), frames_without_anyone=int((~anyone).sum()),
                duration_s=rounded(times[-1] + durations[-1] - times[0] if len(times) > 1 else np.nan),
                minimum_s=float(minimum), turned=orientations(rows),
                people=[dict(of_person(track, times, durations, thresholds, minimum),
                             **of_rows([row for row in rows if row.person == track.person])) for track in people])


def of_rows(rows):
    """Of a person's rows: why they are doubted, a dict of how many frames, and when the face is in another place."""
    return dict(doubts=dict(Counter(row.doubt for row in rows if row.doubt)),
                elsewhere_s=[rounded(row.media_time_s) for row in moves(rows)])


def orientations(rows):
    """Which way up people are: a list of dicts, one a stretch of frames turned alike, where that is known."""
    stretches = []
    for row in rows:
        if row.turned is None or stretches and stretches[-1]["to_frame"] == row.frame:
            continue
        if not stretches or stretches[-1]["degrees"] != row.turned:
            stretches.append(dict(degrees=row.turned, from_s=rounded(row.media_time_s), frames=0))
        stretches[-1].update(frames=stretches[-1]["frames"] + 1, to_frame=row.frame)
    return [{name: stretch[name] for name in ("degrees", "from_s", "frames")} for stretch in stretches]


def of_person(track, times, durations, thresholds, minimum):
    """summary() of one Track."""
    values = best(track)
    known = ~np.isnan(values)
    peak = np.nanargmax(values) if known.any() else None
    face, seconds = track.found | track.interpolated, durations[known].sum() if len(times) > 1 else np.nan
    return dict(
        person=int(track.person), of="intensity" if np.isnan(track.smoothed).all() else "smoothed",
        frames=dict(found=int(track.found.sum()), interpolated=int(track.interpolated.sum()),
                    without_face=int((~face).sum()), doubted=int(track.doubted.sum()),
                    with_intensity=int(known.sum())),
        seconds_with_intensity=rounded(seconds), mean=rounded(mean_over_time(values, durations)),
        median=rounded(quantile_over_time(values, durations, 0.5)),
        percentile_95=rounded(quantile_over_time(values, durations, 0.95)),
        area=rounded(np.sum(values[known] * durations[known]) if seconds > 0 else np.nan),
        peak=None if peak is None else dict(intensity=rounded(values[peak]), time_s=rounded(times[peak] - times[0]),
                                            media_time_s=rounded(times[peak])),
        thresholds=[dict(at_least=float(threshold), **time_at_least(values, durations, seconds, threshold),
                         episodes=[of_episode(values, times, durations, first, last)
                                   for first, last in episodes(values, times, threshold, minimum)])
                    for threshold in thresholds])
