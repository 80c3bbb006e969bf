"""Predictions in files, of both formats, and commands that score them."""
import csv

import numpy as np
from scipy.io import savemat

import evaluate
from pain.evaluation.frames import Result, Video
from pain.evaluation.results import COLUMNS, read_result
from support.project import SHARED, assert_one_line_error, run_here, run_tool

AUTHORS = SHARED / "authors" / "6-vanilla-sigmoid.mat"

# Two subjects, three videos: errors of 1 0 (predictions constant), 1.5 0.5, and 0.5 0.5 (labels constant).
TINY = [("a", "v", "f1", 0, 1.0), ("a", "v", "f2", 1, 1.0), ("a", "w", "f1", 0, 1.5), ("a", "w", "f2", 5, 4.5),
        ("b", "x", "f1", 0, 0.5), ("b", "x", "f2", 0, -0.5)]
LABEL = np.array([row[3] for row in TINY])
PREDICTION = np.array([row[4] for row in TINY])


def write(path, rows, columns=COLUMNS):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(str(path), "w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def cells(arrays):
    cell = np.empty((len(arrays), 1), object)
    for i, array in enumerate(arrays):
        cell[i, 0] = array
    return cell


def write_mat(path, labels, predictions, counts=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(str(path), {"ground_truth": cells(labels), "predict": cells(predictions)})
    if counts:
        savemat(str(path.with_name("video_index.mat")), {"video_index": cells(counts)})
    return path


def tool(*arguments):
    return run_here(evaluate.main, *arguments)


def fails(*arguments):
    """The one line with which the program refuses `arguments`, in a process of its own."""
    done = run_tool("evaluate.py", *arguments)
    assert_one_line_error(done, "evaluate.py: ")
    assert done.stdout == ""
    return done.stderr


def refuses(*arguments, main=evaluate.main):
    """The same within this process, which is quicker."""
    done = run_here(main, *arguments)
    lines = [line for line in done.stderr.splitlines() if line.strip() and "%|" not in line]  # progress does not count
    assert (done.returncode, done.stdout, len(lines)) == (2, "", 1), done.stderr
    return done.stderr


def tree(folder, rows=TINY):
    """`rows` as a folder of a predictions.csv a subject."""
    for subject in sorted({row[0] for row in rows}):
        write(folder / ("01-%s" % subject) / "predictions.csv", [row for row in rows if row[0] == subject])
    return folder


def result_of(*subjects):
    """A Result of subjects, each a list of videos, each a list of (label, prediction)."""
    return Result("x", "x.csv", [
        Video("subject %d" % s, "video %d" % v, np.arange(len(rows)).astype(str), np.array([row[0] for row in rows]),
              np.array([row[1] for row in rows], float), "x.csv: line %d", np.arange(len(rows)))
        for s, videos in enumerate(subjects) for v, rows in enumerate(videos)], True, None)


def read(path, rows):
    """The Result of these rows, written to the file `path`."""
    return read_result(write(path, rows))


def predictions(result):
    """All predictions of a result, a list."""
    return np.concatenate([video.prediction for video in result.videos]).tolist()
