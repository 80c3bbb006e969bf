"""A video's curve, to be gone on with or summed up, the labels it is compared with, and people's participants."""
import csv
import json
from unittest import mock

import numpy as np
from PIL import Image

import import_videos
import predict_video
import study
from fuzz.child import status_of
from fuzz.datasets import FACE
from fuzz.formats import Format
from fuzz.mutants import of_text
from fuzz.nets import images, weights
from pain.video import curve_folder, estimator
from pain.video.curve import no_face, write_curve
from support import curves

FRAMES = 6
RATE = "frames", "--model", "a.caffemodel", "--net", "net.prototxt", "--out", "out"


class Detector:
    """In the place of a FaceDetector: a face in every image, in one place, the way up."""

    SEES, min_face = 48, 0.2

    def __init__(self, *_):
        pass

    def faces(self, images, *_):
        return [[FACE] for _ in images]

    def log_odds(self, patches):
        return np.zeros(len(patches))


def rate():
    with mock.patch.object(estimator, "FaceDetector", Detector):
        predict_video.main()


def rate_undrawn():
    """Without curve.png, which takes longest, and is of the curve alone."""
    with mock.patch.object(curve_folder, "save_figure"):
        rate()


def frames(folder):
    """A folder of images, in the place of a video, and the net for them."""
    weights(folder)
    (folder / "frames").mkdir()
    still = np.random.RandomState(0).randint(0, 256, (240, 320, 3)).astype(np.uint8)
    for i in range(FRAMES):
        Image.fromarray(np.roll(still, i, axis=1)).save(str(folder / "frames" / ("%d.png" % i)))
    return folder / "frames" / "2.png"


def curve(folder):
    """The curve.csv of the first four of them."""
    frames(folder)
    status = status_of(Format("", None, rate, RATE), folder)
    path = folder / "out" / "curve.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:5]))
    for name in "curve.json", "curve.png":
        (folder / "out" / name).unlink()
    assert status == 0
    return path


def about(folder):
    return curve(folder).with_name("curve.about.json")


def labels(folder):
    frames(folder)
    (folder / "labels.csv").write_text("frame,label\n0,0\n1,1\n2,2\n3,5\n5,0\n")
    return folder / "labels.csv"


def whole(folder, said):
    """Whether the curve has all frames, in order, and what is there is 0..5."""
    with open(str(folder / "out" / "curve.csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    values = [float(row[name]) for row in rows for name in ("intensity", "smoothed") if row[name]]
    if [int(row["frame"]) for row in rows] != list(range(len(rows))) or not all(0 <= value <= 5 for value in values):
        return "%s %s" % ([row["frame"] for row in rows], values[:5])
    times = [float(row["time_s"]) for row in rows]
    content = json.loads((folder / "out" / "curve.json").read_text())
    if times != sorted(set(times)) or len(content["curve"]) != len(rows) or len(rows) < FRAMES - 1:
        return "times %s, %d rows, %d in curve.json" % (times, len(rows), len(content["curve"]))
    return None


def summed_up(folder):
    """A curve.csv of one's own, and a table of participants."""
    (folder / "curves" / "sub-01").mkdir(parents=True)
    rows = curves.curve([0, 0.5, 1, 1.5], [1., 2, 3, 0.5]) + [no_face(4, 2., 0)]
    write_curve(folder / "curves/sub-01/curve.csv", dict(source="a.mp4", models={"a": "0123"}, gap=3), rows)
    (folder / "people.csv").write_text("participant_id;age;group\nsub-01;61,5;a\n2;40;b\nsub-03;n/a;b\n")
    return folder / "curves/sub-01/curve.csv"


def table(folder, said):
    """Whether study.csv has rows, in which shares are shares."""
    with open(str(folder / "out" / "study.csv"), newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    shares = [float(value) for row in rows for name, value in row.items() if name.endswith("_share") and value]
    return None if rows and all(0 <= share <= 1 for share in shares) else "%d rows, shares %s" % (len(rows), shares)


def own_labels(folder):
    """Labels of two people's videos, folders of six images each."""
    for subject in "12":
        (folder / ("sub-%s_a" % subject)).mkdir()
        for i, image in enumerate(images(FRAMES)):
            Image.fromarray(image[:24, :32]).save(str(folder / ("sub-%s_a" % subject) / ("%d.png" % i)))
    lines = ["video,frame,label"] + ["sub-%s_a,%d,%d" % (subject, i, i % 6) for subject in "12" for i in range(FRAMES)]
    (folder / "own.csv").write_text("\n".join(lines) + "\n")
    return folder / "own.csv"


def own_record(folder):
    """What says that a dataset was imported."""
    own_labels(folder)
    assert status_of(Format("", None, import_videos.main, OWN), folder) == 0
    return folder / "own" / "Videos" / "sub-1" / "sub-1_a.json"


def one_label_a_frame(folder, said):
    """Whether the dataset has as many labels as images, all of them PSPI of the six intensities."""
    frames = {path.stem for path in (folder / "own" / "Images").rglob("*.png")}
    labels = {path.name[:-len("_facs.txt")]: float(path.read_text())
              for path in (folder / "own" / "Frame_Labels").rglob("*_facs.txt")}
    good = frames and frames == set(labels) and set(labels.values()) <= {0, 1, 2, 3, 4, 6}
    return None if good else "%s / %s" % (sorted(frames)[:3], sorted(labels.items())[:3])


OWN = "own.csv", "--videos", "sub-1_a", "sub-2_a", "--out", "own", "--jobs", "1"
STUDY = "curves", "--participants", "people.csv", "--out", "out"
FORMATS = [
    Format("participants", lambda folder: summed_up(folder).parents[2] / "people.csv", study.main, STUDY, of_text,
           table),
    Format("curve.csv-study", summed_up, study.main, STUDY, of_text, table),
    Format("curve.about.json-study", lambda folder: summed_up(folder).with_name("curve.about.json"), study.main, STUDY,
           of_text, table),
    Format("image-of-video", frames, rate_undrawn, RATE, check=whole),
    Format("curve.csv", curve, rate, (*RATE, "--resume"), of_text, whole),
    Format("curve.about.json", about, rate, (*RATE, "--resume"), of_text, whole),
    Format("own.csv", own_labels, import_videos.main, OWN, of_text, one_label_a_frame, done=(0, 1)),
    Format("own_data.Videos.json", own_record, import_videos.main, OWN, of_text, one_label_a_frame),
    Format("labels", labels, rate, (*RATE, "--labels", "labels.csv"), of_text, whole),
]
