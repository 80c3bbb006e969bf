"""Labels as ELAN, BORIS and people write them, put beside a curve, and a curve for other programs."""
import csv

import numpy as np

import export_curve
import label_curves
from fuzz.formats import Format
from fuzz.mutants import of_text
from pain.evaluation.results import COLUMNS
from pain.video.curve import write_curve
from support import label_files
from support.curves import curve

INTERVALS = [(0, 0.5, 1), (0.5, 1.2, 3.5), (1.4, 2, 0)]


def curve_of(folder):
    """A curve of 2 seconds."""
    (folder / "curves" / "sub-01").mkdir(parents=True)
    path = folder / "curves" / "sub-01" / "curve.csv"
    write_curve(path, dict(source="sub-01.mp4"), curve(np.arange(20) / 10, np.linspace(0, 5, 20).round(6)))
    return path


def eaf(folder):
    curve_of(folder)
    label_files.eaf(folder / "sub-01.eaf", {"A": INTERVALS, "B": INTERVALS}, "sub-01.mp4")
    return folder / "sub-01.eaf"


def elan_text(folder):
    curve_of(folder)
    label_files.elan_text(folder / "sub-01.txt", {"A": INTERVALS, "B": INTERVALS})
    return folder / "sub-01.txt"


def boris(folder):
    curve_of(folder)
    label_files.boris(folder / "sub-01.csv", INTERVALS)
    path = folder / "sub-01.csv"
    path.write_text(path.read_text().replace("D:\\visit 1.mp4", "sub-01.mp4"))
    return path


def intervals(folder):
    curve_of(folder)
    label_files.table(folder / "sub-01.csv", "onset,offset,label,rater", [
        (*interval, rater) for rater in "ab" for interval in INTERVALS])
    return folder / "sub-01.csv"


def predicted(folder, said):
    """Whether what was written are labels and predictions of 0..5."""
    with open(str(folder / "out" / "predictions.csv"), newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    values = [float(row[name]) for row in rows for name in COLUMNS[3:]]
    return None if values and all(0 <= value <= 5 for value in values) else "values %s" % values[:5]


def labels_with(name):
    return "curves", "--labels", name, "--out", "out"


FORMATS = [
    Format("eaf", eaf, label_curves.main, labels_with("sub-01.eaf"), of_text, predicted),
    Format("elan.txt", elan_text, label_curves.main, labels_with("sub-01.txt"), of_text, predicted),
    Format("boris.csv", boris, label_curves.main, labels_with("sub-01.csv"), of_text, predicted),
    Format("intervals.csv", intervals, label_curves.main, labels_with("sub-01.csv"), of_text, predicted),
    Format("curve.csv-export", curve_of, export_curve.main, ("curves/sub-01",), of_text),
]
