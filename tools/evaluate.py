"""The paper's tables 1 and 2 of any results: how far the predicted intensities lie from the labels.

    MAE, MSE     mean |prediction - label|, mean (prediction - label)^2
    PCC          Pearson's correlation, cov / sqrt(var var); undefined where labels or predictions are constant
    ICC          2 cov / (var + var); undefined where both are constant
    wMAE, wMSE   section 3.3: the mean, over the classes present, of the class's own MAE and MSE

A figure is computed for each unit of the protocol (a subject, a video, or all frames as one) and averaged over the
units. An undefined one is NaN, never 0: it is left out of the mean, and counted.
"""
import json
import os
from collections import Counter, namedtuple
from itertools import zip_longest
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from cli import Parser, Problem, read_csv, replacing, run, write_csv
from unbc import CLASSES

MADE_BY = "make predict"
COLUMNS = "subject", "video", "frame", "label", "prediction"  # of predictions.csv
LARGEST = np.finfo(np.float32).max  # Caffe predicts in float32; far beyond it, squares overflow
UNDEFINED = float("nan")

PAPER = [  # folder in models/, the row's name, MAE, MSE, PCC, wMAE, wMSE
    ("smooth_l1", "smooth l1", .416, 1.060, .524, 1.596, 4.396),
    ("l1_center_l1", "l1 + l1 center loss", .389, .820, .603, 1.388, 3.438),
    ("smooth_l1_center_l1", "smooth l1 + l1 center loss", .456, .804, .651, 1.289, 2.880),
    ("smooth_l1_center_l2", "smooth l1 + l2 center loss", .435, .816, .625, 1.324, 3.075),
    ("l1_center_l1_sampling", "l1 + l1 center loss + sampling", None, None, None, 1.039, 1.999),
    ("smooth_l1_center_l1_sampling", "smooth l1 + l1 center loss + sampling", None, None, None, .991, 1.720),
    (None, "OSVR-l1", 1.025, None, .600, 1.309, 2.758),
    (None, "OSVR-l2", .810, None, .601, 1.299, 2.719),
    (None, "RCR", None, 1.54, .65, None, None),
    (None, "all zeros", .438, 1.353, None, 2.143, 7.387),
]
NAMES = {"mse": "mse", **{folder: name for folder, name, *_ in PAPER if folder}}
TABLES = {"Table 1": ("mae", "mse", "pcc", "icc"), "Table 2": ("wmae", "wmse")}

Result = namedtuple("Result", "name path videos no_videos")  # no_videos: None, or why videos are whole subjects
Video = namedtuple("Video", "subject video frames label prediction")  # two names; (N,) str, (N,) int, (N,) float64


# The metrics: each takes a unit's labels and predictions, (N,) and N > 0, and returns a float.

def mae(label, prediction):
    """Mean absolute error, in units of intensity."""
    return float(np.abs(np.subtract(prediction, label, dtype=float)).mean())


def mse(label, prediction):
    """Mean squared error, in units of intensity squared."""
    return float(np.square(np.subtract(prediction, label, dtype=float)).mean())


def pcc(label, prediction):
    """Pearson's correlation, -1..1; NaN where either side is constant."""
    a, b = deviation(label), deviation(prediction)
    spread = np.sqrt(a @ a) * np.sqrt(b @ b)
    return float(a @ b / spread) if spread else UNDEFINED


def icc(label, prediction):
    """Intraclass correlation as 2 cov / (var + var), -1..1; NaN where both sides are constant."""
    a, b = deviation(label), deviation(prediction)
    spread = a @ a + b @ b
    return float(2 * (a @ b) / spread) if spread else UNDEFINED


def wmae(label, prediction):
    """Section 3.3: the mean, over the classes present, of each class's MAE."""
    return mean_over_classes(mae, label, prediction)


def wmse(label, prediction):
    """Section 3.3: the mean, over the classes present, of each class's MSE."""
    return mean_over_classes(mse, label, prediction)


def deviation(values):
    """`values` (N,) less their mean, float64: all zero where they are constant, which rounding alone need not give."""
    values = np.asarray(values, float)
    return values - values.mean() if np.ptp(values) else np.zeros(len(values))


def mean_over_classes(metric, label, prediction):
    """The mean of `metric` over the classes present among the labels, a float."""
    label, prediction = np.asarray(label), np.asarray(prediction)
    return float(np.mean([metric(label[label == c], prediction[label == c]) for c in np.unique(label)]))


METRICS = {"mae": mae, "mse": mse, "pcc": pcc, "icc": icc, "wmae": wmae, "wmse": wmse}
PROTOCOLS = {  # what frames of one unit share
    "subject": lambda video: video.subject,
    "video": lambda video: (video.subject, video.video),
    "pooled": lambda video: "all frames",
}


def units(result, protocol):
    """The (label, prediction) pairs, (N,) each, of a result's units. Raises Problem when it has no videos to tell."""
    if protocol == "video" and result.no_videos:
        raise Problem(result.no_videos)
    groups = {}
    for video in result.videos:
        groups.setdefault(PROTOCOLS[protocol](video), []).append((video.label, video.prediction))
    return [tuple(map(np.concatenate, zip(*group))) for group in groups.values()]


def evaluate(result, protocol="subject"):
    """A result's row: {name, protocol, a float a metric (NaN: undefined in all units), over: {metric: its units}}.

    protocol: a key of PROTOCOLS. Raises Problem when that is video and the result's videos are unknown.
    """
    row, over = {"name": result.name, "protocol": protocol}, {}
    for name, metric in METRICS.items():
        figures = np.array([metric(*unit) for unit in units(result, protocol)])
        defined = figures[~np.isnan(figures)]
        row[name] = float(defined.mean()) if len(defined) else UNDEFINED
        over[name] = len(defined)
    return dict(row, over=over)


def group_by_truth(results):
    """The results in lists whose labels are the same subject by subject, by whatever names the subjects go."""
    groups = {}
    for result in results:
        truth = tuple(sorted(label.tobytes() for label, _ in units(result, "subject")))
        groups.setdefault(truth, []).append(result)
    return list(groups.values())


def all_zeros(result, name):
    """The paper's trivial solution: `result`'s labels, each predicted as 0, as a Result of that name."""
    return result._replace(name=name, videos=[video._replace(prediction=np.zeros(len(video.label)))
                                              for video in result.videos])


def read_results(paths):
    """Read each result once, giving those that would share a name their path as well. Returns a list of Result."""
    results = [read_result(path) for path in dict.fromkeys(map(Path, paths))]
    count = Counter(result.name for result in results)
    return [result if count[result.name] == 1 else result._replace(name="%s (%s)" % (result.name, result.path))
            for result in results]


def read_result(path):
    """Read a predictions.csv, a folder tree of them, or the authors' .mat file. Returns a Result, its videos in order.

    Raises Problem naming file and row when anything is missing, not a label 0..5, not a finite prediction, or twice.
    """
    full = Path(os.path.abspath(str(path)))
    name = full.name if path.is_dir() else full.parent.name if full.name == "predictions.csv" else full.stem
    files = sorted(path.rglob("predictions.csv")) if path.is_dir() else [path]
    if not files:
        raise Problem("%s: no predictions.csv in this folder; make it with `%s`" % (path, MADE_BY))
    videos, no_videos = read_mat(path) if path.suffix == ".mat" and not path.is_dir() else (read_csvs(files), None)
    return Result(NAMES.get(name, name), path, videos, no_videos)


def read_csvs(paths):
    """The frames of the predictions.csv files `paths`, a list of Video in the files' order."""
    rows, places = [], []
    for path in paths:
        of_file = read_csv(path, COLUMNS, MADE_BY)
        rows += of_file
        places += ["%s: line %d" % (path, line) for line in range(2, len(of_file) + 2)]
    label, prediction = ([number(row[column]) for row in rows] for column in ("label", "prediction"))
    label, prediction = check(label, prediction, places)
    indices = {}
    for i, row in enumerate(rows):
        indices.setdefault((row["subject"], row["video"]), []).append(i)
    videos = []
    for (subject, name), some in indices.items():
        first = {}
        for i in some:
            j = first.setdefault(rows[i]["frame"], i)
            if i != j:
                raise Problem("%s: subject %s, video %s, frame %s again, first in %s; give each result its own folder"
                              % (places[i], subject, name, rows[i]["frame"], places[j]))
        videos.append(Video(subject, name, np.array(list(first)), label[some], prediction[some]))
    return videos


def number(text):
    """`text` as a float, NaN when it is none."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def check(label, prediction, places):
    """The labels and predictions, N numbers each, as (N,) int and (N,) float64.

    Raises Problem naming the row, one of the N `places`, where the first of them is out of range.
    """
    label, prediction = np.asarray(label, float), np.asarray(prediction, float)
    for good, need in ((np.isin(label, range(CLASSES)), "label is not an integer 0..%d" % (CLASSES - 1)),
                       (np.abs(prediction) <= LARGEST, "prediction is not a finite number")):  # false for NaN as well
        if not good.all():
            raise Problem("%s: the %s; correct it or make the file again" % (places[np.argmin(good)], need))
    return label.astype(int), prediction


def read_mat(path):
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
        places = ["%s: cell %d, frame %d" % (path, s, i) for i in range(1, len(label) + 1)]
        ends = np.cumsum(counts[s - 1])[:-1]
        parts = [np.split(frames, ends) for frames in check(label, prediction, places)]
        for v, part in enumerate(zip(*parts), 1):
            frames = np.arange(1, len(part[0]) + 1).astype(str)
            videos.append(Video(str(s), None if no_videos else str(v), frames, *part))
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
            cells = loadmat(file, variable_names=[variable]).get(variable)
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


def sizes(groups):
    """What each group of results, which share their labels, is of: `25 subjects, 200 videos, 48391 frames`."""
    texts = []
    for group in groups:
        result = min(group, key=lambda result: result.no_videos is not None)
        counts = [(len(units(result, "subject")), "subject"), (len(result.videos), "video"),
                  (sum(len(video.label) for video in result.videos), "frame")]
        text = ", ".join("%d %s%s" % (count, what, "s" if count != 1 else "") for count, what in counts
                         if what != "video" or not result.no_videos)
        texts.append(text if len(groups) == 1 else "%s (%s)" % (text, ", ".join(result.name for result in group)))
    return "; ".join(texts)


def print_tables(rows, title):
    """Print `rows`, as evaluate() gives them, as the paper's two tables under `title`, the paper's own rows below."""
    quoted = [dict(zip(("mae", "mse", "pcc", "wmae", "wmse", "icc"), np.array([*figures, None], float)), name=name)
              for _, name, *figures in PAPER]
    width = max(len(row["name"]) for row in rows + quoted)
    for table, metrics in TABLES.items():
        print("%s. %s" % (table, title))
        print(" " * (width + 10) + "".join("%8s" % metric.upper().replace("W", "w") for metric in metrics))
        for row in rows + [row for row in quoted if not np.isnan([row[metric] for metric in metrics]).all()]:
            figures = "".join("%8s" % ("-" if np.isnan(row[metric]) else "%.3f" % row[metric]) for metric in metrics)
            print("%-*s  %-8s%s" % (width, row["name"], "measured" if "over" in row else "quoted", figures)
                  + left_out(row, metrics))
        print()
    print("quoted: the paper's figures, on UNBC-McMaster, protocol subject. "
          "left out: undefined, as labels or predictions are constant.")


def left_out(row, metrics):
    """A remark on how many units of a measured row are not in the means of `metrics`, empty if all are."""
    over = row.get("over", dict.fromkeys(METRICS, 0))
    units_left_out = {metric: over["mae"] - over[metric] for metric in metrics}  # an MAE is never undefined
    remarks = ["%s %d of %d" % (metric.upper(), n, over["mae"]) for metric, n in units_left_out.items() if n]
    return "   left out: " + ", ".join(remarks) if remarks else ""


def or_none(value):
    """A row's value as JSON and CSV have it: None for NaN."""
    return None if value != value else value


def main():
    parser = Parser(__doc__)
    parser.add_argument("results", nargs="+", metavar="RESULT",
                        help="a predictions.csv, a folder tree of them (models/smooth_l1), or the authors' .mat file")
    parser.add_argument("--protocol", choices=PROTOCOLS, default="subject",
                        help="average over subjects (the paper's) or videos, or pool all frames (default: %(default)s)")
    parser.add_argument("--json", metavar="FILE", help="write the measured rows as JSON; - prints them, and no tables")
    parser.add_argument("--csv", metavar="FILE", help="write the measured rows as CSV")
    args = parser.parse_args()
    results = read_results(args.results)
    groups = group_by_truth(results)
    rows = [evaluate(result, args.protocol) for result in results]
    for group in groups:
        name = "all zeros" if len(groups) == 1 else "all zeros (%s)" % ", ".join(result.name for result in group)
        rows.append(evaluate(all_zeros(group[0], name), args.protocol))
    if args.csv:
        write_csv(args.csv, ["name", "protocol", *METRICS, *("over_" + metric for metric in METRICS)],
                  [[*map(or_none, list(row.values())[:-1]), *row["over"].values()] for row in rows])
    text = json.dumps([{key: or_none(value) for key, value in row.items()} for row in rows], indent=1)
    if args.json == "-":
        print(text)
        return
    if args.json:
        with replacing(args.json) as partial:
            partial.write_text(text + "\n")
    mean = "over all frames at once" if args.protocol == "pooled" else "means over %ss" % args.protocol
    print_tables(rows, "Protocol %s, %s: %s" % (args.protocol, mean, sizes(groups)))


if __name__ == "__main__":
    run(main)
