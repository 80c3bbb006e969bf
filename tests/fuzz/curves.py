"""A video's curve, to be gone on with, and the labels that it is compared with."""
import csv
import json
from unittest import mock

import numpy as np
from PIL import Image

import predict_video
from fuzz.child import status_of
from fuzz.datasets import FACE
from fuzz.formats import Format
from fuzz.mutants import of_text
from fuzz.nets import weights
from pain.video import estimator

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


FORMATS = [
    Format("image-of-video", frames, rate, RATE, check=whole),
    Format("curve.csv", curve, rate, (*RATE, "--resume"), of_text, whole),
    Format("curve.about.json", about, rate, (*RATE, "--resume"), of_text, whole),
    Format("labels", labels, rate, (*RATE, "--labels", "labels.csv"), of_text, whole),
]
