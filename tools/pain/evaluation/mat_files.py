"""The authors' .mat files of labels and predictions."""
from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np

from pain.errors import Problem
from pain.evaluation.frames import Video, check
from pain.processes import call_apart

if TYPE_CHECKING:
    from pathlib import Path


def read_mat(path: Path, top: int) -> tuple[list[Video], str | None]:
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


def read_video_index(path: Path, lengths: list[int]) -> list[np.ndarray]:
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


def read_cells(path: Path, variable: str) -> list[np.ndarray]:
    """The cells of a MATLAB file's `variable`, a list of (N,) float64, N > 0. Raises Problem when it is not that."""
    with open(str(path), "rb"):
        pass  # what the system says of it is no matter of SciPy's
    try:
        cells = call_apart(load_cells, str(path), variable)
    except ImportError:
        raise Problem("%s: MATLAB files need SciPy; install it with `pip install scipy`" % path) from None
    except NotImplementedError:
        raise Problem("%s: a MATLAB 7.3 (HDF5) file; save it in MATLAB with -v7" % path) from None
    except Exception as error:  # SciPy raises anything for a damaged file, or crashes
        raise Problem("%s: not a readable MATLAB file (%s); save it in MATLAB with -v7"
                      % (path, error or type(error).__name__)) from error
    if cells is None or cells.dtype != object or not cells.size:
        raise Problem("%s: no cells named %s in it; save some, one a subject" % (path, variable))
    for s, cell in enumerate(cells.flat, 1):
        if not (isinstance(cell, np.ndarray) and cell.dtype.kind in "buif" and cell.ndim
                and 0 < cell.size == max(cell.shape)):
            raise Problem("%s: cell %d of %s is not a row of numbers; save one a frame" % (path, s, variable))
    return [cell.astype(float).ravel() for cell in cells.flat]


def load_cells(path, variable):
    """What SciPy reads as `variable` of a MATLAB file; None if there is no such."""
    from scipy.io import loadmat  # here, so that CSV files need nothing but NumPy
    return loadmat(path, variable_names=[variable], appendmat=False).get(variable)
