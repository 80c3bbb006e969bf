"""A dataset's files: frames and labels as the archive has them, aligned faces, folds, and collections of people."""
import contextlib
import shutil
from unittest import mock

import numpy as np
from PIL import Image

import align_faces
import audit_dataset
import make_folds
import make_identities
import osvr
import verify_faces
from fuzz.formats import Format
from fuzz.mutants import of_bytes, of_text
from fuzz.nets import images
from pain.baselines.features import video_features
from pain.baselines.osvr_folds import read_videos
from pain.datasets.folds import make_folds as make_all_folds
from pain.faces import aligned_people, aligned_videos
from pain.faces.aligned_videos import AlignedFrame
from pain.faces.alignment import TEMPLATE
from pain.faces.detector import Face
from pain.faces.photographs import list_people
from pain.faces.rows import detected
from pain.faces.workers import Alignment
from pain.files import write_csv
from pain.pieces import where
from support.faces import AtOnce

SUBJECTS, FRAMES = ("001-aa001", "002-bb002"), 6
FACE_NET = """
layer { name: "pixels" type: "Input" top: "pixels" input_param { shape { dim: 1 dim: 3 dim: 112 dim: 96 } } }
layer { name: "pool" type: "Pooling" bottom: "pixels" top: "pool"
  pooling_param { pool: AVE kernel_size: 28 stride: 28 } }
layer { name: "fc5" type: "InnerProduct" bottom: "pool" top: "fc5"
  inner_product_param { num_output: 8 weight_filler { type: "xavier" } } }
"""
FACE = Face(np.array([100., 50, 90, 110]), 0.99, TEMPLATE + 60)


def archive(folder):
    """Two subjects of a video each, with every kind of label."""
    for subject in SUBJECTS:
        video = subject[4:] + "t1aaaff"
        for i, image in enumerate(images(FRAMES)):
            name = "%s%03d" % (video, i + 1)
            texts = {"Frame_Labels/PSPI/%s/%s/%s_facs.txt": "   %.7e\n" % i,
                     "Frame_Labels/FACS/%s/%s/%s_facs.txt": "   4.0000000e+00   1.0000000e+00   0.0000000e+00\n"
                                                            "   4.3000000e+01   1.0000000e+00   0.0000000e+00\n",
                     "AAM_landmarks/%s/%s/%s_aam.txt": "".join("   %.7e   %.7e\n" % (3 * k, 2 * k + i)
                                                               for k in range(66))}
            for pattern, text in texts.items():
                path = folder / "unbc" / (pattern % (subject, video, name))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            path = folder / "unbc" / "Images" / subject / video / (name + ".png")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image[:24, :32]).save(str(path))
        for kind in "AFF", "OPR", "SEN", "VAS":
            path = folder / "unbc" / "Sequence_Labels" / kind / subject / (video + ".txt")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("   3.0000000e+00\n")
    return folder / "unbc"


def first(root, kind, ending):
    return next((root / kind / SUBJECTS[0]).rglob("*%s" % ending))


def pspi(folder):
    return first(archive(folder), "Frame_Labels/PSPI", "001_facs.txt")


def facs(folder):
    return first(archive(folder), "Frame_Labels/FACS", "001_facs.txt")


def rating(folder):
    return first(archive(folder), "Sequence_Labels/VAS", ".txt")


def frame(folder):
    return first(archive(folder), "Images", "001.png")


def jpeg_frame(folder):
    png = frame(folder)
    Image.open(str(png)).save(str(png.with_suffix(".jpg")))
    png.unlink()
    return png.with_suffix(".jpg")


def aligned(folder):
    """What align_faces makes of two subjects, of noise."""
    rows = []
    for subject in SUBJECTS:
        video = subject[4:] + "t1aaaff"
        place = folder / "aligned" / subject / video
        place.mkdir(parents=True)
        for i, image in enumerate(images(FRAMES)):
            name = "%s%03d" % (video, i + 1)
            Image.fromarray(image).save(str(place / (name + ".png")))
            rows.append([subject, video, name, "%g" % (i % 3), *detected(FACE)])
    write_csv(folder / "aligned" / "frames.csv", AlignedFrame._fields, rows)
    return folder / "aligned" / "frames.csv"


def aligned_png(folder):
    return next((aligned(folder).parent / SUBJECTS[0]).rglob("*001.png"))


def folds(folder, name):
    """Folds of them, one of which is unfinished; the file `name` of the other."""
    make_all_folds(aligned(folder).parent, folder / "folds")
    shutil.rmtree(str(folder / "folds" / ("02-" + SUBJECTS[1]) / "train_lmdb"))
    (folder / "folds" / ("02-" + SUBJECTS[1])).rename(folder / "folds" / (".02-%s.partial" % SUBJECTS[1]))
    return folder / "folds" / ("01-" + SUBJECTS[0]) / name


def fold_json(folder):
    return folds(folder, "fold.json")


def fold_origin(folder):
    return folds(folder, "train.origin.json")


def fold_mdb(folder):
    return folds(folder, "val_lmdb/data.mdb")


def frames_for_osvr(folder):
    folds(folder, "fold.json")
    root = archive(folder)
    for video in read_videos(folder / "aligned" / "frames.csv"):  # which takes longest
        video_features(folder / "aligned", video.rows, folder / "cache", root)
    return folder / "aligned" / "frames.csv"


def aam(folder):
    frames_for_osvr(folder)
    return first(folder / "unbc", "AAM_landmarks", "001_aam.txt")


def rows_of_videos(folder):
    """The frames.csv of a video that is aligned already."""
    archive(folder)
    without_workers(lambda: aligned_videos.align_faces(folder / "unbc", folder / "aligned"))()
    return next((folder / "aligned" / SUBJECTS[0]).rglob("frames.csv"))


@contextlib.contextmanager
def here(*_):
    """workers() that are this process, without MTCNN: a face is found in every image, in one place."""
    Alignment.detector = staticmethod(lambda images: [FACE] * len(images))
    yield AtOnce()


def without_workers(command):
    """A command's main() for which faces are found here."""
    def main():
        with mock.patch.object(where, "workers", here):
            command()
    return main


def people(folder):
    """Three people of three faces each, aligned as align_people.py does."""
    for person in "Ann", "Bob", "Cy":
        (folder / "people" / person).mkdir(parents=True)
        for i, image in enumerate(images(3)):
            Image.fromarray(image).save(str(folder / "people" / person / ("%s_%04d.png" % (person, i + 1))))

    out = folder / "identities" / "aligned"
    without_workers(lambda: aligned_people.align_people(folder / "people", out, list_people(folder / "people")))()
    return out / "Ann" / "faces.csv"


def pairs(folder):
    people(folder)
    (folder / "net.prototxt").write_text(FACE_NET)
    (folder / "pairs.txt").write_text("1\t2\nAnn\t1\t2\nBob\t1\t2\nAnn\t1\tBob\t2\nBob\t3\tCy\t1\n")
    return folder / "pairs.txt"


def photograph(folder):
    people(folder)
    return folder / "people" / "Ann" / "Ann_0001.png"


def counted(folder, said):
    """Whether a table of folds has no fold of nothing."""
    return None if "folds of" in said else "it says nothing: %s" % said[:100]


def verified(folder, said):
    """Whether the curve that was written lies between 0 and 1."""
    rows = [list(map(float, row.split(","))) for row in (folder / "out" / "roc.csv").read_text().splitlines()[1:]]
    return None if rows and all(0 <= share <= 1 for row in rows for share in row[-2:]) else "roc.csv: %s" % rows[:3]


def rated(folder, said):
    """Whether the predictions that were written are numbers."""
    values = [float(row.rsplit(",", 1)[1]) for path in (folder / "models").rglob("predictions.csv")
              for row in path.read_text().splitlines()[1:]]
    return None if values and np.isfinite(values).all() else "predictions %s" % values[:3]


def of(name, make, command, mutant=of_bytes):
    return command._replace(name=name, make=make, mutant=mutant)


AUDIT = Format("", None, audit_dataset.main, ("unbc", "--jobs", "1"), done=(0, 1))
ALIGN = Format("", None, without_workers(align_faces.main), ("unbc", "--out", "aligned", "--jobs", "1"))
FOLDS = Format("", None, make_folds.main, ("--aligned", "aligned", "--out", "folds", "--jobs", "1"), check=counted)
OSVR = Format("", None, osvr.main, ("--aligned", "aligned", "--folds", "folds", "--models", "models", "--loss", "1",
                                    "--cache", "cache", "--jobs", "1", "--archive", "unbc"),
              check=rated, refused=(1, 2))
IDENTITIES = Format("", None, without_workers(make_identities.main), ("people", "--out", "identities", "--jobs", "1"))
VERIFY = Format("", None, without_workers(verify_faces.main), (
    "people", "--untrained", "0", "--net", "net.prototxt", "--pairs", "pairs.txt", "--aligned",
    "identities/aligned", "--out", "out", "--jobs", "1"), check=verified)
FORMATS = [
    of("PSPI", pspi, ALIGN, of_text), of("PSPI-audit", pspi, AUDIT, of_text), of("FACS", facs, AUDIT, of_text),
    of("VAS", rating, AUDIT, of_text), of("png", frame, AUDIT), of("jpg", jpeg_frame, ALIGN),
    of("video.frames.csv", rows_of_videos, ALIGN, of_text), of("frames.csv", aligned, FOLDS, of_text),
    of("aligned.png", aligned_png, FOLDS), of("fold.json", fold_json, FOLDS, of_text),
    of("train.origin.json", fold_origin, FOLDS, of_text), of("fold_lmdb", fold_mdb, FOLDS),
    of("AAM", aam, OSVR, of_text), of("frames.csv-osvr", frames_for_osvr, OSVR, of_text),
    of("faces.csv", people, IDENTITIES, of_text), of("photograph", photograph, IDENTITIES),
    of("pairs.txt", pairs, VERIFY, of_text),
]
