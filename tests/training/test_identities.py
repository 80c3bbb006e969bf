"""identities.py and tools/make_identities.py: aligned faces as the LMDB that a trunk is trained on."""
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
from pain.faces.photographs import list_people
from pain.training import identities
from support.project import BVLC, assert_one_line_error, needs_bvlc, run_tool

NO_FACE, UNREADABLE = "no face found", "unreadable: truncated, or no image"


def contents(path):
    """An LMDB's keys and Datums, in order."""
    environment = lmdb.open(str(path), readonly=True, lock=False)
    with environment.begin() as transaction:
        pairs = [(key, caffe.proto.caffe_pb2.Datum.FromString(value)) for key, value in transaction.cursor()]
    environment.close()
    return pairs


def test_the_lmdb_holds_every_face_and_its_persons_number(made_identities):
    out, _ = made_identities
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
def test_the_lmdb_is_that_of_convert_imageset(made_identities, tmp_path):
    subprocess.check_call([str(BVLC / "convert_imageset"), str(made_identities[0] / "aligned") + "/",
                           str(made_identities[0] / "train.txt"), str(tmp_path / "genuine")], stderr=subprocess.DEVNULL)
    assert contents(tmp_path / "genuine") == contents(made_identities[0] / "train_lmdb")


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
