"""Results: labels and predictions of every frame, read from files, checked row by row, and put side by side.

    predictions.csv    columns subject, video, frame, label, prediction, a row a frame; more columns do no harm. It is
                       read in all the ways in which spreadsheets write CSV (pain/people_tables.py)
    a folder           all the predictions.csv below it are one result
    a .mat file        the authors' format, subjects and videos by number; video_index.mat beside it tells the videos
"""
from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterable

import numpy as np

from pain.datasets.pspi import CLASSES, MAX_PSPI, quantise
from pain.errors import Problem
from pain.evaluation.frame_sets import with_frames
from pain.evaluation.frames import Result, Video, check, places, runs
from pain.evaluation.mat_files import read_mat
from pain.folders import files_below
from pain.people_tables import read_people_table
from pain.variants import title_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from pain.variants import Scoring

MADE_BY = "make predict"
COLUMNS = "subject", "video", "frame", "label", "prediction"  # of predictions.csv


def read_results(paths: str | os.PathLike | Iterable[str | os.PathLike],
                 pspi: str | os.PathLike | Iterable[str | os.PathLike] = ()) -> list[Result]:
    """Read each result once, giving those that would share a name their path as well. Returns a list of Result.

    paths: of a predictions.csv, a folder tree of them, or an authors' .mat file, one or several. pspi: those of `paths`
    that hold PSPI 0..16 instead of intensities 0..5. Raises Problem as read_result() does.
    """
    paths, pspi = ([given] if isinstance(given, (str, os.PathLike)) else given for given in (paths, pspi))
    pspi = set(map(Path, pspi))
    results = [read_result(path, MAX_PSPI if path in pspi else CLASSES - 1) for path in dict.fromkeys(map(Path, paths))]
    count = Counter(result.name for result in results)
    return [result if count[result.name] == 1 else result._replace(name="%s (%s)" % (result.name, result.path))
            for result in results]


def read_result(path: Path, top: int = CLASSES - 1) -> Result:
    """Read a predictions.csv, a folder tree of them, or the authors' .mat file. Returns a Result, its videos in order.

    Raises Problem naming file and rows when anything is missing, not a label 0..top, not a finite prediction, or twice.
    """
    full = Path(os.path.abspath(str(path)))
    name = full.name if path.is_dir() else full.parent.name if full.name == "predictions.csv" else full.stem
    files = files_below(path, "predictions.csv") if path.is_dir() else [path]
    if not files:
        raise Problem("%s: no predictions.csv in this folder; make it with `%s`" % (path, MADE_BY))
    if not path.exists() and path.suffix != ".mat":
        raise Problem("%s: no such file; `%s` makes our own predictions.csv" % (path, MADE_BY))
    if path.suffix == ".mat" and not path.is_dir():
        videos, no_videos = read_mat(path, top)
        return Result(title_of(name), path, videos, False, no_videos)
    return Result(title_of(name), path, read_csvs(files, top), True, None)


def result_of(label: ArrayLike, prediction: ArrayLike, subject: ArrayLike, video: ArrayLike | None = None,
              frame: ArrayLike | None = None, name: str = "result", top: int = CLASSES - 1) -> Result:
    """The Result of arrays, in any order.

    label: (N,) numbers 0..top; prediction: (N,) numbers on the same scale; subject, video, frame: (N,) names or
    numbers, or one for all frames. Without `video` subjects are whole, and without `frame` frames are in order. Raises
    Problem, naming rows from 0, for what is out of range, and for a frame that is there twice.
    """
    label, prediction = (np.asarray(column, float) for column in (label, prediction))
    if label.ndim != 1 or label.shape != prediction.shape or not len(label):
        raise Problem("%s: %s labels and %s predictions; give one of each a frame"
                      % (name, label.shape, prediction.shape))
    try:
        subjects, names, frames = (np.broadcast_to(np.asarray("" if column is None else column, str), label.shape)
                                   for column in (subject, video, frame))
    except ValueError:
        raise Problem("%s: subject, video and frame are one for all of %d frames, or one a frame"
                      % (name, len(label))) from None
    place, rows = name.replace("%", "%%") + ": row %d", np.arange(len(label))
    label, prediction = check(label, prediction, place, rows, top)
    if frame is not None:
        refuse_again(list(zip(subjects, names, frames)), {}, name, place, rows)
    videos = []
    for (of, called), some in runs(list(zip(subjects, names))).items():
        numbered = frames[some] if frame is not None else np.arange(1, len(some) + 1).astype(str)
        videos.append(Video(str(of), None if video is None else str(called), numbered, label[some], prediction[some],
                            place, rows[some]))
    no_videos = "%s: has no videos, only subjects; take another protocol" % name if video is None else None
    return Result(name, name, videos, True, no_videos)


def read_csvs(paths: list[Path], top: int) -> list[Video]:
    """The frames of the predictions.csv files `paths`, a list of Video in the files' order."""
    seen, videos = {}, {}
    for path in paths:
        table = read_people_table(path, COLUMNS)
        subjects, names, frames = map(table.texts, COLUMNS[:3])
        place, rows = table.place, table.lines
        label, prediction = check(*table.numbers(*COLUMNS[3:]), place, rows, top)
        keys = list(zip(subjects, names, frames))
        refuse_again(keys, seen, path, place, rows)
        frames = np.array(frames)
        for video, some in runs(list(zip(subjects, names))).items():
            if video in videos:
                raise Problem("%s: subject %s, video %s is in %s, too; keep a video in one file"
                              % (places(place, rows[some]), *video, videos[video].place.split(": line")[0]))
            videos[video] = Video(*video, frames[some], label[some], prediction[some], place, rows[some])
    return list(videos.values())


def refuse_again(keys: list[tuple], seen: dict[tuple, Any], path: str | Path, place: str, rows: np.ndarray) -> None:
    """Raise Problem if one of `keys`, a file's frames, is there twice or in `seen`, {key: path} of earlier files."""
    new = dict.fromkeys(keys, path)
    if len(new) < len(keys) or not seen.keys().isdisjoint(new):
        first, again = {}, []
        for i, key in enumerate(keys):
            if key in seen or first.setdefault(key, i) != i:
                again.append(i)
        key = keys[again[0]]
        raise Problem("%s: subject %s, video %s, frame %s again, first in %s; %s" % (
            places(place, rows[again]), *key, seen.get(key) or place % rows[first[key]],
            "give each result its own folder" if key in seen else "keep one row a frame"))
    seen.update(new)


def quantised(result: Result) -> Result:
    """`result`, in PSPI, on the paper's scale 0..5: labels and predictions are rounded to whole PSPI, and quantised."""
    return result._replace(videos=[
        video._replace(**{field: quantise(getattr(video, field)).astype(float)
                          for field in ("label", "prediction")}) for video in result.videos])


SUBJECTS = "all", "pain"  # whose frames can be scored


def chosen(result: Result, scoring: Scoring) -> Result:
    """The frames of `result` that `scoring` is of. Raises Problem when there are none, or they cannot be told."""
    result = with_frames(result, scoring.frames, scoring.top)
    return with_pain(result) if scoring.subjects == "pain" else result


def with_pain(result: Result) -> Result:
    """`result` without the subjects whose labels are all 0. Raises Problem when none is left."""
    pain = {video.subject for video in result.videos if video.label.any()}
    if not pain:
        raise Problem("%s: no subject shows pain; take --subjects all" % result.path)
    return result._replace(videos=[video for video in result.videos if video.subject in pain])
