"""Results put side by side: the same frames in the same order, or an error that names those that differ."""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pain.errors import Problem
from pain.evaluation.frames import frame_numbers, places, subject_names, take

if TYPE_CHECKING:
    from pain.evaluation.frames import Result, Video


def side_by_side(results: list[Result]) -> list[Result]:
    """The results with the subjects, videos and frames of one of them, in folder order, so that rows can be compared.

    Results with names are matched by name; one with numbers, the authors' .mat file, by its order, which is that of the
    folders. Raises Problem naming the rows of two results that are not of the same frames, or differ in a label.
    """
    model = sort(min(results, key=lambda result: (result.no_videos is not None, not result.named)))
    return [(match_names if result.named and model.named else match_positions)(result, model) for result in results]


def sort(result: Result) -> Result:
    """`result` in folder order, subjects and videos by name and frames by number; those with numbers for names are."""
    if not result.named:
        return result
    return result._replace(videos=[take(video, np.argsort(frame_numbers(video)))
                                   for video in sorted(result.videos, key=lambda video: video[:2])])


def match_names(result: Result, model: Result) -> Result:
    """`result` with the frames of `model` in its order, found by their names."""
    refuse_missing(result, model)
    refuse_missing(model, result)
    by_name, videos = {video[:2]: video for video in result.videos}, []
    for ours in model.videos:
        theirs = by_name[ours[:2]]
        if not np.array_equal(theirs.frames, ours.frames):
            index = {frame: i for i, frame in enumerate(theirs.frames)}
            theirs = take(theirs, np.array([index[frame] for frame in ours.frames]))
        refuse_other_labels(theirs, ours)
        videos.append(ours._replace(prediction=theirs.prediction))
    return result._replace(videos=videos, named=True, no_videos=None)


def refuse_missing(result: Result, other: Result) -> None:
    """Raise Problem if `result` has frames that `other` has not, naming their rows."""
    subjects, frames = set(subject_names(other)), {video[:2]: video.frames for video in other.videos}
    for video in result.videos:
        there = frames.get(video[:2], ())
        if np.array_equal(video.frames, there):
            continue
        missing = ~np.isin(video.frames, there)
        if missing.any():
            what = "subject %s" % video.subject
            if video.subject in subjects:
                what += ", video %s" % video.video + (", frame %s" % video.frames[missing][0] if len(there) else "")
            raise Problem("%s: %s is not in %s; compare results of the same frames"
                          % (places(video.place, video.rows[missing]), what, other.path))


def match_positions(result: Result, model: Result) -> Result:
    """`result` with the frames of `model`, the nth subject being the nth subject, and so with its frames."""
    groups = [[[video for video in one.videos if video.subject == subject] for subject in subject_names(one)]
              for one in (sort(result), model)]
    if len(groups[0]) != len(groups[1]):
        raise Problem("%s: %d subjects, but %s has %d; compare results of the same frames"
                      % (result.path, len(groups[0]), model.path, len(groups[1])))
    videos = []
    for theirs, ours in zip(*groups):
        counts = [sum(len(video.rows) for video in group) for group in (theirs, ours)]
        if counts[0] != counts[1]:
            raise Problem("%s: %d frames from %s, subject %s, on, but subject %s of %s has %d; compare results of the "
                          "same frames" % (result.path, counts[0], theirs[0].place % theirs[0].rows[0],
                                           theirs[0].subject, ours[0].subject, model.path, counts[1]))
        parts = np.cumsum([len(video.rows) for video in ours])[:-1]
        columns = (np.split(np.concatenate([getattr(video, field) for video in theirs]), parts)
                   for field in ("label", "prediction", "rows"))
        for video, label, prediction, rows in zip(ours, *columns):
            refuse_other_labels(video._replace(place=theirs[0].place, label=label, rows=rows), video)
            videos.append(video._replace(prediction=prediction))
    return result._replace(videos=videos, named=model.named, no_videos=model.no_videos)


def refuse_other_labels(theirs: Video, ours: Video) -> None:
    """Raise Problem if two Videos of the same frames differ in a label, naming the rows."""
    other = theirs.label != ours.label
    if other.any():
        raise Problem("%s: subject %s, video %s: label %g, but in %s it is %g; compare results of the same labels" % (
            places(theirs.place, theirs.rows[other]), theirs.subject, theirs.video, theirs.label[other][0],
            ours.place % ours.rows[other][0], ours.label[other][0]))
