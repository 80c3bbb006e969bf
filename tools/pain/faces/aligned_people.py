"""Photographs of people aligned, person by person: a folder of faces and faces.csv."""
from __future__ import annotations

from collections import Counter, namedtuple
from pathlib import Path

from pain.faces.alignment import align, save
from pain.faces.detector import detect
from pain.faces.photographs import enlarged, read_photograph
from pain.faces.rows import FACE_COLUMNS, detected, earlier_rows, missing
from pain.faces.workers import Alignment, align_all
from pain.files import making, read_csv, swept, write_csv
from pain.pieces.where import Here

AlignedImage = namedtuple("AlignedImage", ("person", "image", "bytes", *FACE_COLUMNS))  # a row of faces.csv
MIN_FACE = 40 / 250  # of the image's height: LFW's and CASIA-WebFace's are 250 pixels, the faces in them some 100
CHUNK = 64  # images in memory at a time


def align_person(detector, source, out, images):
    """Align the images, {name: Photograph}, in the folder `source` into the folder `out`. Returns how many they are."""
    rows, stems = [], set()
    with making(out) as partial:
        for start in range(0, len(images), CHUNK):
            names = list(images)[start:start + CHUNK]
            photographs = [read_photograph(source / name) for name in names]
            faces = detect(detector, [image for image, _ in photographs])
            for name, (image, factor), face in zip(names, photographs, faces):
                stem = Path(name).stem
                if isinstance(image, str):
                    fields = missing(image)
                elif face is None:
                    fields = missing("no face found")
                elif stem in stems:
                    fields = missing("a second image of this name")
                else:
                    stems.add(stem)
                    fields = detected(enlarged(face, factor))
                    save(partial / (stem + ".png"), align(image, face.landmarks))
                rows.append(AlignedImage(out.name, name, images[name].bytes, *fields))
        write_csv(partial / "faces.csv", AlignedImage._fields, rows)
    return len(images)


def is_finished(out, images):
    """Whether the folder `out` holds what align_person() makes of these images."""
    expected = [(Path(name).stem, (out.name, name, str(image.bytes))) for name, image in images.items()]
    newest = max(image.time for image in images.values())
    return earlier_rows(out / "faces.csv", AlignedImage, newest, expected) is not None


class PersonAlignment(Alignment):
    """A person's images aligned, as a piece: align_person()'s arguments, without the detector."""

    unit, min_face = "image", MIN_FACE

    def __init__(self, source, out, images):
        super().__init__(out.name, [source], [out / "faces.csv"], len(images))
        self.source, self.out, self.images = source, out, images

    def done(self):
        return self.length if is_finished(self.out, self.images) else 0

    def run(self, means):
        means.update(align_person(self.detector, self.source, self.out, self.images))


def align_people(root, out, people, where=None):
    """Align the `people`, as list_people() has them, of the folder `root` into the folder `out`, by a Where.

    Raises Problem as align_all() does.
    """
    root, out = Path(root), Path(out)
    with swept(out, ".*.partial"):
        align_all([PersonAlignment(root / person, out / person, images) for person, images in people.items() if images],
                  where or Here())


def write_faces(out, people):
    """Write `out`/faces.csv, all of the people's."""
    rows = (row for person, images in people.items() if images for row in read_faces(out, person))
    write_csv(Path(out) / "faces.csv", AlignedImage._fields, rows)


def read_faces(out, person):
    """What became of a person's images: a list of AlignedImage. Raises Problem when the person is not there."""
    rows = read_csv(Path(out) / person / "faces.csv", AlignedImage._fields, "align_people.py")
    return [AlignedImage(*(row[column] for column in AlignedImage._fields)) for row in rows]


def list_faces(out, people):
    """The aligned faces of each person, {person: paths below `out`}, and how many images were detected, or were not.

    The second is a Counter of "detected" and of reasons.
    """
    faces, counts = {}, Counter()
    for person, images in people.items():
        rows = read_faces(out, person) if images else []
        faces[person] = [aligned_name(person, row.image) for row in rows if row.status == "detected"]
        counts.update(row.reason or row.status for row in rows)
    return faces, counts


def aligned_name(person, image):
    """The path of an image's aligned face, below the folder of all."""
    return "%s/%s.png" % (person, Path(image).stem)


def left_out(counts, faces_csv):
    """Why images were left out, a list of lines. counts: list_faces()'s."""
    lines = ["  left out: %d images: %s" % (count, reason) for reason, count in counts.most_common()
             if reason != "detected"]
    return lines + ["  which they are is in %s" % faces_csv] if lines else []
