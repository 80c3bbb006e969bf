"""What people bring to be scored: predictions, MATLAB files, tables of action units, labels."""
import json

import numpy as np
from scipy.io import savemat

import evaluate
import import_aus
from fuzz.formats import Format
from fuzz.mutants import of_text
from pain.evaluation.results import COLUMNS
from support.predictions import TINY, cells, write

MOST = 5.0  # that an intensity, and with it an absolute error of labels, can be


def predictions(folder):
    return write(folder / "theirs.csv", TINY)


def mat(folder):
    labels, predicted = [np.array([[0, 1, 2, 5]]), np.array([[0, 0, 3]])], [np.array([[0., 1, 2.5, 4]]), np.eye(3)[:1]]
    savemat(str(folder / "theirs.mat"), {"ground_truth": cells(labels), "predict": cells(predicted)})
    savemat(str(folder / "video_index.mat"), {"video_index": cells([np.array([[2, 2]]), np.array([[3]])])})
    return folder / "theirs.mat"


def video_index(folder):
    mat(folder)
    return folder / "video_index.mat"


def scores(folder, said):
    """Whether every figure of `--json -` is None or finite."""
    rows = json.loads(said, parse_constant=str)["rows"]
    strange = [value for row in rows for value in flat(row) if isinstance(value, float) and not np.isfinite(value)
               or value in ("NaN", "Infinity", "-Infinity")]
    return "figures %s" % strange[:3] if strange else None


def flat(value):
    """The leaves of JSON's lists and dicts."""
    if isinstance(value, (list, dict)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from flat(inner)
    else:
        yield value


def openface(folder):
    """OpenFace's table of a video, and the frames.csv that it belongs to."""
    units = 4, 6, 7, 9, 10, 45
    rows = ["frame,success,confidence," + ",".join(" AU%02d_r" % unit for unit in units)]
    random = np.random.RandomState(0)
    for i in range(1, 7):
        rows.append("%d,1,0.9,%s" % (i, ",".join("%.2f" % value for value in random.uniform(0, 5, len(units)))))
    for name in "s", "t":
        (folder / "tables" / name).mkdir(parents=True)
        (folder / "tables" / name / "v.csv").write_text("\n".join(rows) + "\n")
    (folder / "frames.csv").write_text("subject,video,frame,pspi,status\n" + "".join(
        "%s,v,f%d,%d,detected\n" % (name, i, i % 4) for name in "st" for i in range(6)))
    return folder / "tables" / "s" / "v.csv"


def frames_of_units(folder):
    openface(folder)
    return folder / "frames.csv"


def rated(folder, said):
    """Whether the predictions that were written are 0..5."""
    for path in folder.rglob("predictions.csv"):
        header, *rows = path.read_text().splitlines()
        values = [float(row.rsplit(",", 1)[1]) for row in rows]
        if header.split(",") != list(COLUMNS) or not values or not all(0 <= value <= MOST for value in values):
            return "%s: %s" % (path.relative_to(folder), values[:5])
    return None


UNITS = "tables", "--frames", "frames.csv", "--models", "models", "--fit", "none"
FORMATS = [
    Format("predictions.csv", predictions, evaluate.main, ("theirs.csv", "--json", "-", "--draws", "20"), of_text,
           scores),
    Format("mat", mat, evaluate.main, ("theirs.mat", "--json", "-", "--draws", "20"), check=scores),
    Format("video_index.mat", video_index, evaluate.main,
           ("theirs.mat", "--json", "-", "--draws", "20", "--protocol", "video"), check=scores),
    Format("action_units.csv", openface, import_aus.main, UNITS, of_text, rated),
    Format("frames.csv-aus", frames_of_units, import_aus.main, UNITS, of_text, rated),
]
