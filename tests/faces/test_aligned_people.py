"""aligned_people.py: drawn faces in files of every kind, from a folder a person to aligned faces and faces.csv."""
import os
import shutil

import numpy as np
import pytest
import skimage.io
from PIL import Image

from pain.faces import aligned_people
from pain.faces.aligned_people import CHUNK, MIN_FACE, AlignedImage, align_person, aligned_name
from pain.faces.alignment import align
from pain.faces.detector import FaceDetector
from pain.faces.photographs import list_people, read_photograph
from pain.files import read_csv
from pain.training import identities
from support.faces import picture

NO_FACE, UNREADABLE = "no face found", "unreadable: truncated, or no image"


@pytest.fixture(scope="module")
def detector():
    return FaceDetector(2, MIN_FACE)


@pytest.fixture
def copied(collection, made_identities, tmp_path):
    """Copies to change, of the collection and of what was made of it."""
    return (shutil.copytree(str(collection[0]), str(tmp_path / "faces")) and tmp_path / "faces",
            shutil.copytree(str(made_identities[0]), str(tmp_path / "out")) and tmp_path / "out")


def test_every_image_is_accounted_for(collection, made_identities):
    (_, fates), (out, process) = collection, made_identities
    rows = read_csv(out / "aligned" / "faces.csv", AlignedImage._fields, "make identities")
    assert [(row["person"], row["image"], row["reason"]) for row in rows] == [
        (person, image, reason) for person, images in fates.items() for image, reason in images.items()]
    for row in rows:
        assert (row["status"] == "detected") == (row["reason"] == "") == (row["nose_x"] != "")
    assert sorted(path.relative_to(out).as_posix() for path in out.glob("aligned/*/*.png")) == sorted(
        "aligned/%s/%s.png" % (row["person"], row["image"].rsplit(".", 1)[0]) for row in rows if not row["reason"])
    assert process.stdout.split("\n") == [
        "%s: 3 people of 5, 9 faces of 14 images" % out,
        "  left out: 2 images: " + UNREADABLE,
        "  left out: 1 images: a second image of this name",
        "  left out: 1 images: " + NO_FACE,
        "  which they are is in %s/aligned/faces.csv" % out,
        "  left out: 2 people with fewer than 2 faces, 1 faces", ""]
    assert sorted(path.name for path in out.iterdir()) == [
        "aligned", "identities.json", "people.txt", "train.origin.json", "train.txt", "train_lmdb"]
    assert not list(out.glob("**/.*"))


def test_landmarks_and_pixels_are_those_of_each_image(collection, made_identities, detector):
    for row in read_csv(made_identities[0] / "aligned" / "faces.csv", AlignedImage._fields, "make identities"):
        if row["reason"]:
            continue
        image, _ = read_photograph(collection[0] / row["person"] / row["image"])
        points = np.array([float(row[column]) for column in AlignedImage._fields[-10:]]).reshape(5, 2)
        assert points == pytest.approx(detector([image])[0][2], abs=0.01)
        aligned = skimage.io.imread(str(made_identities[0] / "aligned" / aligned_name(row["person"], row["image"])))
        assert aligned.shape == (112, 96, 3)
        assert np.abs(aligned.astype(int) - align(image, points)).max() <= 1


def test_colours_survive_every_file_type(collection, made_identities, people):
    """Palettes, CMYK and the like are nearly the pictures they were made of; grey is its grey."""
    for row in read_csv(made_identities[0] / "aligned" / "faces.csv", AlignedImage._fields, "make identities"):
        source = {"001.JPG": ("Ann_Ah", 1), "003.png": ("Ann_Ah", 3), "004.PNG": ("Ann_Ah", 4), "a.png": ("Bob_Be", 1),
                  "b.png": ("Bob_Be", 2), "c.jpg": ("Bob_Be", 3)}.get(row["image"])
        if source:
            points = np.array([float(row[column]) for column in AlignedImage._fields[-10:]]).reshape(5, 2)
            original = picture(people, *source)
            if row["image"] in ("003.png", "a.png"):
                original = original.convert("L").convert("RGB")
            found = skimage.io.imread(str(made_identities[0] / "aligned" / aligned_name(row["person"], row["image"])))
            assert np.abs(found.astype(int) - align(np.asarray(original), points)).mean() < 4, source


def test_a_face_depends_on_no_other_image(people, detector):
    """Of several sizes, in one call and one by one, in any order."""
    images = [np.asarray(picture(people, name, i).resize((240 - 40 * (i % 3), 240 - 20 * (i % 2))))
              for name in ("Ann_Ah", "Bob_Be") for i in range(1, 5)] + [np.full((240, 240, 3), 99, np.uint8)]
    alone = [detector([image])[0] for image in images]
    assert sum(face is None for face in alone) == 1
    for order in np.arange(len(images)), np.random.RandomState(0).permutation(len(images)):
        for i, face in zip(order, detector([images[i] for i in order])):
            assert (face is None) == (alone[i] is None)
            for part, part_alone in zip(face or [], alone[i] or []):
                assert part == pytest.approx(part_alone, abs=1e-3)


def test_small_faces_are_found(people, detector):
    """A third of the image's height, as in LFW: too small for the smallest face of UNBC's frames."""
    canvas = Image.new("RGB", (480, 480), (120, 120, 120))
    canvas.paste(picture(people, "Ann_Ah", 1), (120, 120))
    face, = detector([np.asarray(canvas)])
    (_, _, near), = detector([np.asarray(picture(people, "Ann_Ah", 1))])
    assert face.landmarks - 120 == pytest.approx(near, abs=3)


def test_a_large_photograph_is_shrunk_and_its_landmarks_are_not(people, detector, tmp_path):
    (tmp_path / "in").mkdir()
    small = picture(people, "Ann_Ah", 1)
    small.resize((2400, 2400), Image.BICUBIC).save(str(tmp_path / "in" / "large.png"))
    image, factor = read_photograph(tmp_path / "in" / "large.png")
    assert image.shape == (800, 800, 3) and factor == 3
    align_person(detector, tmp_path / "in", tmp_path / "out", list_people(tmp_path)["in"])
    row, = read_csv(tmp_path / "out" / "faces.csv", AlignedImage._fields, "")
    points = np.array([float(row[column]) for column in AlignedImage._fields[-10:]]).reshape(5, 2)
    (_, _, expected), = detector([np.asarray(small)])
    assert (points + 0.5) / 10 - 0.5 == pytest.approx(expected, abs=1.5)
    aligned = skimage.io.imread(str(tmp_path / "out" / "large.png")).astype(int)
    assert np.abs(aligned - align(np.asarray(small), expected)).mean() < 6


def test_few_images_are_in_memory_at_a_time(people, tmp_path):
    count, seen = CHUNK + 3, []
    for i in range(count):
        (tmp_path / "in").mkdir(exist_ok=True)
        shutil.copy(str(people / "Ann_Ah" / "Ann_Ah_0001.png"), str(tmp_path / "in" / ("%d.png" % i)))
    assert align_person(lambda images: seen.append(len(images)) or [None] * len(images), tmp_path / "in",
                        tmp_path / "out", list_people(tmp_path)["in"]) == count
    assert seen == [CHUNK, 3]
    assert len(read_csv(tmp_path / "out" / "faces.csv", AlignedImage._fields, "")) == count


def stamps(out):
    return {path: path.stat().st_mtime_ns for path in out.glob("**/*") if path.is_file()}


def test_only_people_that_changed_are_done_again(copied):
    root, out = copied
    before = stamps(out)
    identities.make_identities(root, out)
    again = stamps(out)
    assert {path for path in before if before[path] != again[path]} == {out / "aligned" / "faces.csv"}

    os.utime(str(root / "ann" / "001.JPG"))  # newer
    image = root / "dee" / "1.png"
    status = image.stat()
    image.write_bytes(image.read_bytes() + b"more")  # another one of the old time
    os.utime(str(image), ns=(status.st_atime_ns, status.st_mtime_ns))
    leftover = out / "aligned" / ".gone.partial"
    leftover.mkdir()
    aligned_people.align_people(root, out / "aligned", list_people(root))
    assert {path.parent.name for path, stamp in stamps(out).items() if again.get(path) != stamp} == {"ann", "dee"}
    assert stamps(out).keys() == again.keys() and not leftover.exists()


def test_an_interrupted_person_is_never_taken_for_finished(collection, tmp_path):
    def interrupted(images):
        raise KeyboardInterrupt

    images = list_people(collection[0])["ann"]
    with pytest.raises(KeyboardInterrupt):
        align_person(interrupted, collection[0] / "ann", tmp_path / "ann", images)
    assert not aligned_people.is_finished(tmp_path / "ann", images)
    align_person(lambda images: [None] * len(images), collection[0] / "ann", tmp_path / "ann", images)
    assert aligned_people.is_finished(tmp_path / "ann", images)
    assert [path.name for path in tmp_path.iterdir()] == ["ann"]
    assert not aligned_people.is_finished(tmp_path / "ann", dict(list(images.items())[1:]))
