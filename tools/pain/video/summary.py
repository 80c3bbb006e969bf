"""What a curve comes to, a dict a person, and curve.json."""
import json

import numpy as np

from pain.faces.alignment import LANDMARKS
from pain.files import replacing, rounded
from pain.notice import NOTICE
from pain.video.episodes import MINIMUM, THRESHOLDS, episodes, mean_over_time, of_episode, time_at_least
from pain.video.tracks import best, in_order, lasts, tracks


def summary(about, rows, thresholds=THRESHOLDS, minimum=MINIMUM):
    """What a curve says, as a dict ready for JSON; what is undefined is None. minimum: of an episode, in seconds.

    A person's frames found, interpolated and without a face are all frames; those doubted are among the first two.
    """
    times, people = in_order(rows)[1], tracks(rows)
    durations = lasts(times)
    anyone = np.any([np.zeros(len(times), bool), *(one.found | one.interpolated for one in people)], axis=0)
    return dict(source=about.get("source"), frames=len(times), frames_without_anyone=int((~anyone).sum()),
                duration_s=rounded(times[-1] + durations[-1] - times[0] if len(times) > 1 else np.nan),
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
        seconds_with_intensity=rounded(known), mean=rounded(mean_over_time(values, durations)),
        peak=None if peak is None else dict(intensity=rounded(values[peak]), time_s=rounded(times[peak])),
        thresholds=[dict(at_least=float(threshold), **time_at_least(values, durations, known, threshold),
                         episodes=[of_episode(values, times, durations, *one)
                                   for one in episodes(values, times, threshold, minimum)])
                    for threshold in thresholds])


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
        frame=int(row.frame), time_s=rounded(row.time), person=int(row.person), face=row.face,
        box=None if row.box is None else [rounded(v, 2) for v in row.box],
        confidence=None if row.confidence is None else rounded(row.confidence, 4),
        landmarks=None if row.landmarks is None else {
            name: [rounded(v, 3) for v in point] for name, point in zip(LANDMARKS, row.landmarks)},
        doubt=row.doubt or None, **{field: rounded(getattr(row, field))
                                    for field in ("intensity", "spread", "low", "high", "smoothed")})
