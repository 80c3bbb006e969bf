"""Results: labels and predictions of every frame, read from files, checked row by row, and put side by side.

    predictions.csv    columns subject, video, frame, label, prediction, a row a frame; more columns do no harm
    a folder           all the predictions.csv below it are one result
    a .mat file        the authors' format, subjects and videos by number; video_index.mat beside it tells the videos
"""
import os
import re
from collections import Counter, namedtuple
from itertools import zip_longest
from pathlib import Path

import numpy as np

from cli import Problem, read_table
from unbc import CLASSES, MAX_PSPI, quantise

MADE_BY = "make predict"
COLUMNS = "subject", "video", "frame", "label", "prediction"  # of predictions.csv
LARGEST = np.finfo(np.float32).max  # Caffe predicts in float32; far beyond it, squares overflow
NAMES = {  # of the variants' folders in models/
    "smooth_l1": "smooth l1", "l1_center_l1": "l1 + l1 center loss",
    "smooth_l1_center_l1": "smooth l1 + l1 center loss", "smooth_l1_center_l2": "smooth l1 + l2 center loss",
    "l1_center_l1_sampling": "l1 + l1 center loss + sampling",
    "smooth_l1_center_l1_sampling": "smooth l1 + l1 center loss + sampling", "mse": "mse"}

# named: whether subjects and videos have names, or only numbers. no_videos: None, or why videos are whole subjects.
Result = namedtuple("Result", "name path videos named no_videos")
# subject and video, names; frames (N,) str, label (N,) int, prediction (N,) float64; and where they stand: place is a
# text like "a.csv: line %d" and rows (N,) int the numbers to put into it.
Video = namedtuple("Video", "subject video frames label prediction place rows")


def read_results(paths, pspi=()):
    """Read each result once, giving those that would share a name their path as well. Returns a list of Result.

    pspi: those of `paths` that hold PSPI 0..16 instead of intensities 0..5.
    """
    results = [read_result(path, MAX_PSPI if path in pspi else CLASSES - 1) for path in dict.fromkeys(map(Path, paths))]
    count = Counter(result.name for result in results)
    return [result if count[result.name] == 1 else result._replace(name="%s (%s)" % (result.name, result.path))
            for result in results]


def read_result(path, top=CLASSES - 1):
    """Read a predictions.csv, a folder tree of them, or the authors' .mat file. Returns a Result, its videos in order.

    Raises Problem naming file and rows when anything is missing, not a label 0..top, not a finite prediction, or twice.
    """
    full = Path(os.path.abspath(str(path)))
    name = full.name if path.is_dir() else full.parent.name if full.name == "predictions.csv" else full.stem
    files = sorted(path.rglob("predictions.csv")) if path.is_dir() else [path]
    if not files:
        raise Problem("%s: no predictions.csv in this folder; make it with `%s`" % (path, MADE_BY))
    if path.suffix == ".mat" and not path.is_dir():
        videos, no_videos = read_mat(path, top)
        return Result(NAMES.get(name, name), path, videos, False, no_videos)
    return Result(NAMES.get(name, name), path, read_csvs(files, top), True, None)


# CSV files.

def read_csvs(paths, top):
    """The frames of the predictions.csv files `paths`, a list of Video in the files' order."""
    seen, videos = {}, {}
    for path in paths:
        rows, (subjects, names, frames, label, prediction) = read_table(path, COLUMNS, MADE_BY)
        place, rows = str(path).replace("%", "%%") + ": line %d", np.array(rows)
        label, prediction = check(numbers(label), numbers(prediction), place, rows, top)
        keys = list(zip(subjects, names, frames))
        refuse_again(keys, seen, path, place, rows)
        frames = np.array(frames)
        for video, some in runs(list(zip(subjects, names))).items():
            if video in videos:
                raise Problem("%s: subject %s, video %s is in %s, too; keep a video in one file"
                              % (places(place, rows[some]), *video, videos[video].place.split(": line")[0]))
            videos[video] = Video(*video, frames[some], label[some], prediction[some], place, rows[some])
    return list(videos.values())


def refuse_again(keys, seen, path, place, rows):
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


def runs(values):
    """Where each of `values`, N of anything, stands: {value: (n,) int}. Quick where equal ones stand together."""
    ends = [i for i in range(1, len(values)) if values[i] != values[i - 1]] + [len(values)]
    groups, start = {}, 0
    for end in ends:
        groups.setdefault(values[start], []).append(np.arange(start, end))
        start = end
    return {value: np.concatenate(parts) for value, parts in groups.items()}


def numbers(texts):
    """`texts` as (N,) float64, NaN for those that are no numbers."""
    try:
        return np.array(texts, float)
    except ValueError:
        return np.array([number(text) for text in texts])


def number(text):
    """`text` as a float, NaN when it is none."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def check(label, prediction, place, rows, top):
    """The labels and predictions, (N,) float64, as (N,) int and (N,) float64.

    Raises Problem naming the places of those that are out of range.
    """
    for good, need in ((np.isin(label, range(top + 1)), "label is not an integer 0..%d" % top),
                       (np.abs(prediction) <= LARGEST, "prediction is not a finite number")):  # false for NaN as well
        if not good.all():
            raise Problem("%s: the %s; correct it or make the file again" % (places(place, rows[~good]), need))
    return label.astype(int), prediction


def places(place, rows, most=3):
    """What to call the rows of a file: `a.csv: line 5`, or `a.csv: lines 5, 6, 7 and 12 more`."""
    if len(rows) == 1:
        return place % rows[0]
    more = " and %d more" % (len(rows) - most) if len(rows) > most else ""
    return place.replace("%d", "%s").replace(" line ", " lines ").replace(" frame ", " frames ") % (
        ", ".join(map(str, rows[:most])) + more)


# The authors' .mat files.

def read_mat(path, top):
    """The authors' format: cells `ground_truth` and `predict`, a subject each, and video_index.mat beside the file.

    Returns the frames, a list of Video with numbers from 1 for names, and None; without a fitting video_index.mat,
    a Video named None for each subject, and the reason. Raises Problem for what MATLAB or the authors would not write.
    """
    labels, predictions = read_cells(path, "ground_truth"), read_cells(path, "predict")
    for s, pair in enumerate(zip_longest(labels, predictions, fillvalue=()), 1):
        if len(pair[0]) != len(pair[1]):
            raise Problem("%s: cell %d has %d labels but %d predictions; save one a frame in both"
                          % (path, s, len(pair[0]), len(pair[1])))
    try:
        counts, no_videos = read_video_index(path, [len(label) for label in labels]), None
    except Problem as problem:
        counts, no_videos = [[len(label)] for label in labels], str(problem)
    videos = []
    for s, (label, prediction) in enumerate(zip(labels, predictions), 1):
        place, rows = "%s: cell %d, frame %%d" % (str(path).replace("%", "%%"), s), np.arange(1, len(label) + 1)
        label, prediction = check(label, prediction, place, rows, top)
        ends = np.cumsum(counts[s - 1])[:-1]
        for v, part in enumerate(zip(*(np.split(column, ends) for column in (label, prediction, rows))), 1):
            frames = np.arange(1, len(part[0]) + 1).astype(str)
            videos.append(Video(str(s), None if no_videos else str(v), frames, part[0], part[1], place, part[2]))
    return videos, no_videos


def read_video_index(path, lengths):
    """Frames a video from video_index.mat beside `path`: for each subject (videos,) int, which adds up to its length.

    Raises Problem when there is no such file, or it is another dataset's.
    """
    index = path.with_name("video_index.mat")
    if not index.is_file():
        raise Problem("%s: no such file, so the videos of %s are unknown; take another protocol" % (index, path))
    counts = read_cells(index, "video_index")
    if [count.sum() for count in counts] != lengths or any((count % 1).any() or count.min() < 1 for count in counts):
        raise Problem("%s: its frames a video do not add up to %s's %d subjects and %d frames; take another protocol"
                      % (index, path, len(lengths), sum(lengths)))
    return [count.astype(int) for count in counts]


def read_cells(path, variable):
    """The cells of a MATLAB file's `variable`, a list of (N,) float64, N > 0. Raises Problem when it is not that."""
    with open(str(path), "rb") as file:
        try:
            from scipy.io import loadmat  # here, so that CSV files need nothing but NumPy
            cells = loadmat(file, variable_names=[variable]).get(variable)
        except ImportError:
            raise Problem("%s: MATLAB files need SciPy; install it with `pip install scipy`" % path)
        except NotImplementedError:
            raise Problem("%s: a MATLAB 7.3 (HDF5) file; save it in MATLAB with -v7" % path)
        except Exception as error:  # a damaged file may raise anything in SciPy
            raise Problem("%s: not a readable MATLAB file (%s); save it in MATLAB with -v7" % (path, error))
    if cells is None or cells.dtype != object or not cells.size:
        raise Problem("%s: no cells named %s in it; save some, one a subject" % (path, variable))
    for s, cell in enumerate(cells.flat, 1):
        if not isinstance(cell, np.ndarray) or cell.dtype.kind not in "buif" or not 0 < cell.size == max(cell.shape):
            raise Problem("%s: cell %d of %s is not a row of numbers; save one a frame" % (path, s, variable))
    return [cell.astype(float).ravel() for cell in cells.flat]


# What is made of a result.

def subject_names(result):
    """The subjects' names, in the result's order."""
    return list(dict.fromkeys(video.subject for video in result.videos))


def frames_of(result):
    """All labels (N,) int and predictions (N,) float64 of a result."""
    return tuple(np.concatenate([getattr(video, field) for video in result.videos])
                 for field in ("label", "prediction"))


def quantised(result):
    """`result`, in PSPI, on the paper's scale 0..5: predictions are rounded to whole PSPI, and quantised as labels."""
    return result._replace(videos=[
        video._replace(label=quantise(video.label), prediction=quantise(np.floor(video.prediction + 0.5)).astype(float))
        for video in result.videos])


def with_pain(result):
    """`result` without the subjects whose labels are all 0. Raises Problem when none is left."""
    pain = {video.subject for video in result.videos if video.label.any()}
    if not pain:
        raise Problem("%s: no subject shows pain; take --subjects all" % result.path)
    return result._replace(videos=[video for video in result.videos if video.subject in pain])


def all_zeros(result, name="all zeros"):
    """The paper's trivial solution: `result`'s labels, each predicted as 0, as a Result of that name."""
    return result._replace(name=name, videos=[video._replace(prediction=np.zeros(len(video.label)))
                                              for video in result.videos])


def all_mean(result, name="all mean"):
    """The other one: each subject's frames predicted as the mean label of all frames of the other subjects.

    Returns a Result of that name, or None where there is but one subject.
    """
    total, frames = Counter(), Counter()
    for video in result.videos:
        total[video.subject] += int(video.label.sum())
        frames[video.subject] += len(video.label)
    if len(frames) < 2:
        return None
    mean = {subject: (sum(total.values()) - total[subject]) / (sum(frames.values()) - frames[subject])
            for subject in frames}
    return result._replace(name=name, videos=[video._replace(prediction=np.full(len(video.label), mean[video.subject]))
                                              for video in result.videos])


def in_order(video):
    """`video` with its frames in order, and their numbers, (N,) int, for names."""
    numbers = frame_numbers(video)
    return take(video._replace(frames=numbers), np.argsort(numbers))


def frame_numbers(video):
    """The numbers in which a video's frame names end, (N,) int; 1..N where these are none, or not all different."""
    endings = [re.search("[0-9]{0,18}$", frame).group() for frame in video.frames]
    if all(endings) and len(set(map(int, endings))) == len(endings):
        return np.array(endings, int)
    return np.arange(len(endings)) + 1


def take(video, order):
    """`video` with its frames in another order, (N,) int."""
    return video._replace(frames=video.frames[order], label=video.label[order], prediction=video.prediction[order],
                          rows=video.rows[order])


def full_name(video):
    """SUBJECT/VIDEO, or the subject alone where its videos are not known."""
    return "/".join(filter(None, (video.subject, video.video)))


# Side by side.

def side_by_side(results):
    """The results with the subjects, videos and frames of one of them, in folder order, so that rows can be compared.

    Results with names are matched by name; one with numbers, the authors' .mat file, by its order, which is that of the
    folders. Raises Problem naming the rows of two results that are not of the same frames, or differ in a label.
    """
    model = sort(min(results, key=lambda result: (result.no_videos is not None, not result.named)))
    return [(match_names if result.named and model.named else match_positions)(result, model) for result in results]


def sort(result):
    """`result` in folder order, subjects and videos by name and frames by number; those with numbers for names are."""
    if not result.named:
        return result
    return result._replace(videos=[take(video, np.argsort(frame_numbers(video)))
                                   for video in sorted(result.videos, key=lambda video: video[:2])])


def match_names(result, model):
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


def refuse_missing(result, other):
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


def match_positions(result, model):
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


def refuse_other_labels(theirs, ours):
    """Raise Problem if two Videos of the same frames differ in a label, naming the rows."""
    other = theirs.label != ours.label
    if other.any():
        raise Problem("%s: subject %s, video %s: label %d, but in %s it is %d; compare results of the same labels" % (
            places(theirs.place, theirs.rows[other]), theirs.subject, theirs.video, theirs.label[other][0],
            ours.place % ours.rows[other][0], ours.label[other][0]))
