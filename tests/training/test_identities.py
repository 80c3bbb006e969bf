"""align_people and make_identities: drawn faces in files of every kind, from a folder a person to the training LMDB."""
import json
import os
import shutil
import subprocess

import caffe
import lmdb
import numpy as np
import pytest
import skimage.io
from PIL import Image

from pain.errors import Problem
from pain.faces import aligned_people
from pain.faces.aligned_people import (
    CHUNK,
    MIN_FACE,
    AlignedImage,
    align_person,
    aligned_name,
    list_people,
    read_photograph,
)
from pain.faces.alignment import align
from pain.faces.detector import FaceDetector
from pain.files import read_csv
from pain.training import identities
from support.project import BVLC, assert_one_line_error, needs_bvlc, run_tool

NO_FACE, UNREADABLE = "no face found", "unreadable: truncated, or no image"


@pytest.fixture(scope="module")
def detector():
    return FaceDetector(2, MIN_FACE)


def picture(people, name, i):
    return Image.open(str(people / name / ("%s_%04d.png" % (name, i))))


@pytest.fixture(scope="module")
def collection(people, tmp_path_factory):
    """A folder of people with files of every kind, and what shall become of each: {person: {image: reason}}."""
    root = tmp_path_factory.mktemp("collection") / "faces"
    for name in "ann", "bob", "cé", "dee", "eve", ".hidden":
        (root / name).mkdir(parents=True)
    ann = [picture(people, "Ann_Ah", i) for i in range(1, 5)]
    ann[0].save(str(root / "ann" / "001.JPG"), quality=95)
    ann[1].resize((200, 200)).save(str(root / "ann" / "002.jpeg"), quality=95)
    ann[2].convert("L").save(str(root / "ann" / "003.png"))
    ann[3].convert("RGBA").save(str(root / "ann" / "004.PNG"))
    ann[0].save(str(root / "ann" / "004.bmp"))
    bob = [picture(people, "Bob_Be", i) for i in range(1, 5)]
    bob[0].convert("LA").save(str(root / "bob" / "a.png"))
    bob[1].convert("P", palette=Image.ADAPTIVE, colors=256).save(str(root / "bob" / "b.png"))
    bob[2].convert("CMYK").save(str(root / "bob" / "c.jpg"), quality=95)
    bob[3].save(str(root / "bob" / "d.png"))
    (root / "bob" / "d.png").write_bytes((root / "bob" / "d.png").read_bytes()[:-20000])
    Image.new("RGB", (240, 240), (120, 130, 140)).save(str(root / "bob" / "e.png"))
    (root / "bob" / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0" * 9)
    (root / "bob" / "@eaDir").mkdir()
    (root / "bob" / "Notes.doc").write_bytes(b"\xd0\xcf\x11\xe0" * 99)
    (root / "bob" / ".DS_Store").write_bytes(b"Bud1")
    for i in 1, 2:
        picture(people, "Cy_Ce", i).save(str(root / "cé" / ("%d.png" % i)))
    picture(people, "Dee_De", 1).save(str(root / "dee" / "1.png"))
    (root / "pairs.txt").write_text("1\n")
    return root, {
        "ann": {"001.JPG": "", "002.jpeg": "", "003.png": "", "004.PNG": "", "004.bmp": "a second image of this name"},
        "bob": {"Notes.doc": UNREADABLE, "a.png": "", "b.png": "", "c.jpg": "", "d.png": UNREADABLE, "e.png": NO_FACE},
        "cé": {"1.png": "", "2.png": ""}, "dee": {"1.png": ""}}


@pytest.fixture(scope="module")
def finished(collection, tmp_path_factory):
    """The collection's training data, made by the tool: their folder and the finished process."""
    out = tmp_path_factory.mktemp("identities") / "out"
    process = run_tool("make_identities.py", collection[0], "--out", out, "--jobs", 2)
    assert process.returncode == 0, process.stderr
    return out, process


@pytest.fixture
def copied(collection, finished, tmp_path):
    """Copies to change, of the collection and of what was made of it."""
    return (shutil.copytree(str(collection[0]), str(tmp_path / "faces")) and tmp_path / "faces",
            shutil.copytree(str(finished[0]), str(tmp_path / "out")) and tmp_path / "out")


def contents(path):
    """An LMDB's keys and Datums, in order."""
    environment = lmdb.open(str(path), readonly=True, lock=False)
    with environment.begin() as transaction:
        pairs = [(key, caffe.proto.caffe_pb2.Datum.FromString(value)) for key, value in transaction.cursor()]
    environment.close()
    return pairs


# ---- alignment ----

def test_every_image_is_accounted_for(collection, finished):
    (_, fates), (out, process) = collection, finished
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


def test_landmarks_and_pixels_are_those_of_each_image(collection, finished, detector):
    for row in read_csv(finished[0] / "aligned" / "faces.csv", AlignedImage._fields, "make identities"):
        if row["reason"]:
            continue
        image, _ = read_photograph(collection[0] / row["person"] / row["image"])
        points = np.array([float(row[column]) for column in AlignedImage._fields[-10:]]).reshape(5, 2)
        assert points == pytest.approx(detector([image])[0][2], abs=0.01)
        aligned = skimage.io.imread(str(finished[0] / "aligned" / aligned_name(row["person"], row["image"])))
        assert aligned.shape == (112, 96, 3)
        assert np.abs(aligned.astype(int) - align(image, points)).max() <= 1


def test_colours_survive_every_file_type(collection, finished, people):
    """Palettes, CMYK and the like are nearly the pictures they were made of; grey is its grey."""
    for row in read_csv(finished[0] / "aligned" / "faces.csv", AlignedImage._fields, "make identities"):
        source = {"001.JPG": ("Ann_Ah", 1), "003.png": ("Ann_Ah", 3), "004.PNG": ("Ann_Ah", 4), "a.png": ("Bob_Be", 1),
                  "b.png": ("Bob_Be", 2), "c.jpg": ("Bob_Be", 3)}.get(row["image"])
        if source:
            points = np.array([float(row[column]) for column in AlignedImage._fields[-10:]]).reshape(5, 2)
            original = picture(people, *source)
            if row["image"] in ("003.png", "a.png"):
                original = original.convert("L").convert("RGB")
            found = skimage.io.imread(str(finished[0] / "aligned" / aligned_name(row["person"], row["image"])))
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


# ---- the LMDB ----

def test_the_lmdb_holds_every_face_and_its_persons_number(finished):
    out, _ = finished
    assert (out / "people.txt").read_text(encoding="utf-8").split("\n") == ["ann", "bob", "cé", ""]
    lines = [line.rsplit(" ", 1) for line in (out / "train.txt").read_text(encoding="utf-8").splitlines()]
    assert sorted(lines) == sorted(["%s/%s.png" % (person, stem), str(label)] for label, (person, stems) in enumerate(
        [("ann", ("001", "002", "003", "004")), ("bob", "abc"), ("cé", "12")]) for stem in stems)
    assert [label for _, label in lines] != sorted(label for _, label in lines)  # shuffled
    stored = contents(out / "train_lmdb")
    assert [key.decode() for key, _ in stored] == ["%08d_%s" % (i, name) for i, (name, _) in enumerate(lines)]
    for (name, label), (_, datum) in zip(lines, stored):
        assert (datum.channels, datum.height, datum.width, datum.label) == (3, 112, 96, int(label))
        pixels = np.frombuffer(datum.data, np.uint8).reshape(3, 112, 96)
        assert (pixels == skimage.io.imread(str(out / "aligned" / name))[:, :, ::-1].transpose(2, 0, 1)).all()
    record = json.loads((out / "identities.json").read_text())
    assert (record["people"], record["faces"], record["least"], record["seed"]) == (3, 9, 2, 1)


@needs_bvlc
def test_the_lmdb_is_that_of_convert_imageset(finished, tmp_path):
    subprocess.check_call([str(BVLC / "convert_imageset"), str(finished[0] / "aligned") + "/",
                           str(finished[0] / "train.txt"), str(tmp_path / "genuine")], stderr=subprocess.DEVNULL)
    assert contents(tmp_path / "genuine") == contents(finished[0] / "train_lmdb")


@pytest.fixture(scope="module")
def aligned(tmp_path_factory):
    """Aligned faces, of noise: three people with 3, 2 and 1."""
    root, random = tmp_path_factory.mktemp("aligned") / "aligned", np.random.RandomState(0)
    for person, count in ("a", 3), ("b", 2), ("c", 1):
        (root / person).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(random.randint(0, 256, (112, 96, 3)).astype(np.uint8)).save(
                str(root / person / ("%d.bmp" % i)))
    return root


def make(root, out, **options):
    return identities.make_identities(root, out, aligned=True, **options)


def test_aligned_faces_are_taken_as_they_are(aligned, tmp_path):
    make(aligned, tmp_path / "out")
    stored = contents(tmp_path / "out" / "train_lmdb")
    assert sorted(key.decode()[9:] for key, _ in stored) == ["a/0.bmp", "a/1.bmp", "a/2.bmp", "b/0.bmp", "b/1.bmp"]
    for key, datum in stored:
        image = skimage.io.imread(str(aligned / key.decode()[9:]))
        assert datum.data == image[:, :, ::-1].transpose(2, 0, 1).tobytes()
    assert not (tmp_path / "out" / "aligned").exists()
    process = run_tool("make_identities.py", aligned, "--out", tmp_path / "out", "--aligned", "--least", 1)
    assert process.stdout == "%s: 3 people of 3, 6 faces of 6 images\n" % (tmp_path / "out"), process.stderr
    assert len(contents(tmp_path / "out" / "train_lmdb")) == 6


def test_the_lmdb_is_made_again_when_what_it_is_made_of_changes(aligned, tmp_path):
    root, out = tmp_path / "root", tmp_path / "out"
    shutil.copytree(str(aligned), str(root))
    train = out / "train_lmdb" / "data.mdb"

    def remade(**options):
        before = train.stat().st_mtime_ns
        make(root, out, **options)
        return train.stat().st_mtime_ns != before

    make(root, out)
    names = (out / "train.txt").read_text()
    assert not remade()
    assert remade(seed=2) and (out / "train.txt").read_text() != names
    assert remade() and (out / "train.txt").read_text() == names
    assert remade(least=1) and remade()
    os.utime(str(root / "a" / "0.bmp"), (1, 1))
    assert remade() and not remade()
    shutil.rmtree(str(root / "c"))
    assert not remade()  # it was left out
    (out / "identities.json").write_text("nonsense")
    assert remade()
    train.unlink()
    make(root, out)
    assert train.exists()


def test_nothing_half_made_is_left(aligned, tmp_path):
    root, out = tmp_path / "root", tmp_path / "out"
    shutil.copytree(str(aligned), str(root))
    make(root, out)
    bad = root / "b" / "1.bmp"
    whole = bad.read_bytes()
    for content, words in (whole[:-5000], "unreadable"), (b"", "unreadable"):
        bad.write_bytes(content)
        with pytest.raises(Problem, match="b/1.bmp: " + words):
            make(root, out)
        assert not (out / "train_lmdb").exists() and not list(out.glob(".*"))
    Image.new("RGB", (112, 96), (99, 9, 9)).save(str(bad))
    with pytest.raises(Problem, match="b/1.bmp: 96x112 pixels, an aligned face has 112x96"):
        make(root, out)
    bad.write_bytes(whole)
    make(root, out)
    assert len(contents(out / "train_lmdb")) == 5


# ---- what a user can get wrong ----

def test_wrong_folders_are_one_line(aligned, tmp_path):
    out = tmp_path / "out"
    (tmp_path / "empty").mkdir()
    shutil.copytree(str(aligned / "a"), str(tmp_path / "lone" / "a"))
    for root, words in ("nowhere", "no such folder"), ("empty", "no images"), ("lone/a", "no images"):
        with pytest.raises(Problem, match="%s: %s" % (tmp_path / root, words)):
            list_people(tmp_path / root)
    with pytest.raises(Problem, match="1 of 1 people have 2 faces or more"):
        make(tmp_path / "lone", out)
    assert_one_line_error(run_tool("make_identities.py", aligned, "--aligned", "--least", 9, "--out", out),
                          "0 of 3 people have 9 faces or more")
    assert_one_line_error(run_tool("align_people.py", tmp_path / "empty", "--out", out), "empty: no images")
    assert not out.exists()


@pytest.mark.parametrize("name", ["two\nlines", "x" * 201, b"\xff\xfe".decode("utf-8", "surrogateescape")])
def test_names_that_a_list_cannot_hold_are_refused(aligned, tmp_path, name):
    root = tmp_path / "root"
    shutil.copytree(str(aligned), str(root))
    (root / "b" / name).touch()
    with pytest.raises(Problem, match="root/b: .* is no name to work with"):
        list_people(root)
    (root / "b").rename(root / name)
    with pytest.raises(Problem, match="root: .* is no name to work with"):
        list_people(root)


@pytest.mark.parametrize("arguments", [("--least", 0), ("--seed", "x")])
def test_wrong_arguments_are_one_line(aligned, tmp_path, arguments):
    assert_one_line_error(run_tool("make_identities.py", aligned, "--out", tmp_path, *arguments), arguments[0])


@needs_bvlc
def test_a_python_without_mtcnn_is_named(people, tmp_path):
    process = run_tool("align_people.py", people, "--out", tmp_path / "out", python=BVLC / "python")
    assert_one_line_error(process, "no package mtcnn")
