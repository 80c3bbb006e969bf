"""folds.py: the splits, the LMDBs byte for byte as Caffe's own tool writes them, and every way to fail."""
import csv
import itertools
import json
import os
import shutil
import subprocess
import sys

import lmdb
import numpy as np
import pytest
import skimage.io
from caffe.proto import caffe_pb2

from pain import locks
from pain.datasets import folds, lmdbs
from pain.datasets.redundant_frames import keep_code
from pain.errors import Problem
from pain.provenance import read_origin
from support.project import BVLC, needs_bvlc

SUBJECTS = {"001-aa001": (7, 12), "002-bb002": (9,), "003-cc003": (6, 5)}  # frames of each video
COLUMNS = "subject", "video", "frame", "pspi", "status"


@pytest.fixture
def aligned(tmp_path):
    """Aligned frames of noise: 3 subjects, 5 videos, 39 frames, of which one is missing."""
    random, rows = np.random.RandomState(0), []
    for subject, lengths in SUBJECTS.items():
        for v, frames in enumerate(lengths, 1):
            video = "%st%daaaff" % (subject[4:], v)
            folder = tmp_path / "aligned" / subject / video
            folder.mkdir(parents=True)
            for f in range(1, frames + 1):
                frame = "%s%03d" % (video, f)
                rows.append([subject, video, frame, [0, 0, 0, 1, 2, 5, 9][f * v // 3 % 7], "detected"])
                image = random.randint(0, 256, (112, 96, 3)).astype(np.uint8)
                skimage.io.imsave(str(folder / (frame + ".png")), image, check_contrast=False)
    rows[3][4], rows[5][4] = "missing", "interpolated"
    write_frames(tmp_path / "aligned", rows)
    return tmp_path / "aligned"


def write_frames(aligned, rows):
    with open(str(aligned / "frames.csv"), "w") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


def read_frames(aligned):
    with open(str(aligned / "frames.csv")) as file:
        return list(csv.reader(file))[1:]


def contents(path):
    """An LMDB's keys and values, in order."""
    environment = lmdb.open(str(path), readonly=True, lock=False)
    with environment.begin() as transaction:
        pairs = list(transaction.cursor())
    environment.close()
    return pairs


def test_folds(aligned, tmp_path):
    folds.make_folds(aligned, tmp_path / "folds")
    usable = [row for row in read_frames(aligned) if row[4] != "missing"]
    assert sorted(path.name for path in (tmp_path / "folds").iterdir()) == [
        "01-001-aa001", "02-002-bb002", "03-003-cc003"]
    for number, subject in enumerate(SUBJECTS, 1):
        fold = tmp_path / "folds" / ("%02d-%s" % (number, subject))
        lists = {part: [line.rsplit(" ", 1) for line in (fold / (part + ".txt")).read_text().splitlines()]
                 for part in ("train", "val")}
        own = [row for row in usable if row[0] == subject]
        assert [name for name, _ in lists["val"]] == ["/".join(row[:3]) + ".png" for row in own]
        classes = {0: 0, 1: 1, 2: 2, 5: 4, 9: 5}
        assert [int(label) for _, label in lists["val"]] == [classes[int(row[3])] for row in own]

        others = {}  # (subject, video) -> its frames, in order
        for row in usable:
            if row[0] != subject:
                others.setdefault((row[0], row[1]), []).append(row)
        kept = ["/".join(row[:3]) + ".png" for rows in others.values()
                for row, keep in zip(rows, keep_code([classes[int(row[3])] for row in rows])) if keep]
        names = [name for name, _ in lists["train"]]
        assert sorted(names) == sorted(kept) and names != kept  # shuffled

        for part, pairs in lists.items():
            stored = contents(fold / (part + "_lmdb"))
            assert [key for key, _ in stored] == [b"%08d_%s" % (i, name.encode()) for i, (name, _) in enumerate(pairs)]
            for (name, label), (_, value) in zip(pairs, stored):
                datum = caffe_pb2.Datum.FromString(value)
                image = skimage.io.imread(str(aligned / name))
                assert (datum.channels, datum.height, datum.width, datum.label) == (3, 112, 96, int(label))
                assert not datum.encoded
                pixels = np.frombuffer(datum.data, np.uint8).reshape(3, 112, 96)
                assert (pixels == image[:, :, ::-1].transpose(2, 0, 1)).all()  # BGR, planes


def listed(path):
    return [line.rsplit(" ", 1)[0] for line in path.read_text().splitlines()]


def test_a_fold_leaves_out_several_subjects(aligned, tmp_path):
    """One of 18 frames, and two of 9 and 11, whom both folds know from the folds of one subject each."""
    out, single = tmp_path / "folds", tmp_path / "single"
    parts, alone = folds.make_folds(aligned, out, folds=2), folds.make_folds(aligned, single)
    assert [part.subjects for part in parts] == [["001-aa001"], ["002-bb002", "003-cc003"]]
    assert sorted(path.name for path in out.iterdir()) == ["01-of-2", "02-of-2"]
    for (name, left_out), other in zip((("01-of-2", parts[0]), ("02-of-2", parts[1])), parts[::-1]):
        fold = out / name
        assert folds.subjects_left_out(fold) == left_out.subjects
        assert json.loads((fold / "fold.json").read_text())["left_out"] == left_out.subjects
        of_each = [single / path for path in sorted(os.listdir(str(single))) if path[3:] in left_out.subjects]
        assert listed(fold / "val.txt") == [line for path in of_each for line in listed(path / "val.txt")]
        assert [value for _, value in contents(fold / "val_lmdb")] == [
            value for path in of_each for _, value in contents(path / "val_lmdb")]
        kept = {name for one in alone if one.subjects[0] in other.subjects for name, keep in zip(one.names, one.keep)
                if keep}
        names = listed(fold / "train.txt")
        assert set(names) == kept and len(names) == len(kept)
        assert [key[9:].decode() for key, _ in contents(fold / "train_lmdb")] == names
        data = read_origin(fold / "train.txt").data
        assert (data.subjects, data.frames, data.left_out) == (3, 38, (name,))
    stamp = (out / "01-of-2/train_lmdb/data.mdb").stat().st_mtime_ns
    folds.make_folds(aligned, out, folds=2)
    assert (out / "01-of-2/train_lmdb/data.mdb").stat().st_mtime_ns == stamp
    folds.make_folds(aligned, out, folds=3)  # as many as there are subjects: the very bytes of one each
    assert sorted(os.listdir(str(out))) == sorted(os.listdir(str(single)))
    for path in single.rglob("*"):
        if path.is_file() and path.name != "lock.mdb":
            assert (out / path.relative_to(single)).read_bytes() == path.read_bytes(), path
    for count in 1, 4:
        with pytest.raises(Problem, match="--folds %d: takes 2 to 3" % count):
            folds.make_folds(aligned, out, folds=count)


@needs_bvlc
def test_lmdbs_are_those_of_convert_imageset(aligned, tmp_path):
    folds.make_folds(aligned, tmp_path / "folds", jobs=2)
    fold = tmp_path / "folds" / "02-002-bb002"
    for part in "train", "val":
        genuine = tmp_path / (part + "_genuine")
        subprocess.check_call([str(BVLC / "convert_imageset"), str(aligned) + "/", str(fold / (part + ".txt")),
                               str(genuine)], stderr=subprocess.DEVNULL)
        assert contents(genuine) == contents(fold / (part + "_lmdb"))


def test_seed_and_rule(aligned, tmp_path):
    def train(name, **options):
        folds.make_folds(aligned, tmp_path / name, **options)
        return (tmp_path / name / "01-001-aa001" / "train.txt").read_text().splitlines()

    first, again, other = train("a"), train("b"), train("c", seed=2)
    assert first == again != other and sorted(first) == sorted(other)
    assert len(train("d", rule="none")) == 20 > len(first) >= len(train("e", rule="paper"))


def test_finished_folds_stay_and_stale_ones_are_made_again(aligned, tmp_path):
    out = tmp_path / "folds"
    folds.make_folds(aligned, out)
    stamps = {path: path.stat().st_mtime_ns for path in out.glob("*/*_lmdb/data.mdb")}
    folds.make_folds(aligned, out)
    assert stamps == {path: path.stat().st_mtime_ns for path in out.glob("*/*_lmdb/data.mdb")}
    shutil.rmtree(str(out / "02-002-bb002"))
    folds.make_folds(aligned, out)
    assert len(contents(out / "02-002-bb002" / "val_lmdb")) == 9
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items() if "02-" not in str(path))
    rows = read_frames(aligned)
    rows[0][3] = "2"
    write_frames(aligned, rows)
    folds.make_folds(aligned, out)
    assert (out / "01-001-aa001" / "val.txt").read_text().splitlines()[0].endswith(" 2")
    before = contents(out / "02-002-bb002" / "val_lmdb")
    skimage.io.imsave(str(next(aligned.glob("002-bb002/*/*.png"))), np.zeros((112, 96, 3), np.uint8),
                      check_contrast=False)
    folds.make_folds(aligned, out)
    assert len([pair for pair in contents(out / "02-002-bb002" / "val_lmdb") if pair not in before]) == 1


def test_what_is_of_no_subject_any_more_goes(aligned, tmp_path):
    out = tmp_path / "folds"
    folds.make_folds(aligned, out)
    (out / "notes").mkdir()
    (out / ".04-gone.partial").mkdir()
    write_frames(aligned, [row for row in read_frames(aligned) if row[0] != "002-bb002"])
    folds.make_folds(aligned, out)
    assert sorted(path.name for path in out.iterdir()) == ["01-001-aa001", "02-003-cc003", "notes"]
    assert (out / "01-001-aa001" / "train.txt").read_text().count("bb002") == 0


def test_no_two_make_the_same_folds(aligned, tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE", 0.1)
    with locks.alone_in(tmp_path / "folds"), pytest.raises(Problem, match="folds: another process is at work here"):
        folds.make_folds(aligned, tmp_path / "folds")


def test_a_folder_outside_is_never_removed(aligned, tmp_path):
    outside = tmp_path / "x"
    outside.mkdir()
    rows = read_frames(aligned)
    write_frames(aligned, [["/../../x", *rows[0][1:]], *rows])
    with pytest.raises(Problem, match="no name for a file or folder"):
        folds.make_folds(aligned, tmp_path / "out" / "folds")
    assert outside.exists()


def test_an_interrupted_fold_is_never_taken_for_finished(aligned, tmp_path, monkeypatch):
    out, write_lmdb = tmp_path / "folds", lmdbs.write_lmdb

    def interrupted(path, records, count, progress):
        write_lmdb(path, itertools.islice(records, 4), count, progress)
        raise KeyboardInterrupt

    for after in range(6):  # 3 val_lmdbs and 3 train_lmdbs
        shutil.rmtree(str(out), ignore_errors=True)
        calls = itertools.count()
        monkeypatch.setattr(folds, "write_lmdb",
                            lambda *args, calls=calls, after=after:
                            (interrupted if next(calls) == after else write_lmdb)(*args))
        with pytest.raises(KeyboardInterrupt):
            folds.make_folds(aligned, out)
        finished = [path for path in out.iterdir() if not path.name.startswith(".")]
        assert len(finished) == max(0, after - 3) and all((fold / "train.origin.json").exists() for fold in finished)
        monkeypatch.setattr(folds, "write_lmdb", write_lmdb)
        folds.make_folds(aligned, out)
        assert sorted(path.name for path in out.iterdir()) == ["01-001-aa001", "02-002-bb002", "03-003-cc003"]
        assert [len(contents(path / "val_lmdb")) for path in sorted(out.iterdir())] == [18, 9, 11]


def refused(aligned, *words):
    with pytest.raises(Problem) as raised:
        folds.make_folds(aligned, aligned.parent / "folds")
    assert "\n" not in str(raised.value)
    for word in words:
        assert word in str(raised.value)
    out = aligned.parent / "folds"
    assert not out.exists() or not [path for path in out.iterdir() if not path.name.startswith(".")]


@pytest.mark.parametrize("column, value, words", [
    (3, "nan", ["line 2", "'nan'"]), (3, "17", ["line 2", "'17'"]), (3, "-1", ["'-1'"]), (3, "pain", ["'pain'"]),
    (4, "found", ["line 2", "'found'"]),
])
def test_bad_rows_are_refused(aligned, column, value, words):
    rows = read_frames(aligned)
    rows[0][column] = value
    write_frames(aligned, rows)
    refused(aligned, *words)


def test_one_subject_is_refused(aligned):
    write_frames(aligned, [row for row in read_frames(aligned) if row[0] == "001-aa001"])
    refused(aligned, "1 subject", "two or more")


def test_bad_images_are_refused(aligned):
    path = aligned / "002-bb002" / "bb002t1aaaff" / "bb002t1aaaff004.png"
    whole = path.read_bytes()
    path.write_bytes(whole[:5000])
    refused(aligned, str(path), "unreadable")
    path.write_bytes(b"")
    refused(aligned, str(path), "unreadable")
    path.unlink()
    refused(aligned, str(path), "no such image")
    skimage.io.imsave(str(path), np.zeros((112, 95, 3), np.uint8), check_contrast=False)
    refused(aligned, str(path), "112x96")
    path.write_bytes(whole)
    assert len(folds.make_folds(aligned, aligned.parent / "folds")) == 3


def test_no_frames_csv_is_refused(tmp_path):
    refused(tmp_path / "nowhere", "frames.csv", "make align")


@pytest.mark.parametrize("damage", ["garbage", "short"])
def test_a_damaged_val_lmdb_is_refused(aligned, tmp_path, damage):
    out = tmp_path / "folds"
    folds.make_folds(aligned, out)
    shutil.rmtree(str(out / "03-003-cc003"))
    lmdb_file = out / "01-001-aa001" / "val_lmdb" / "data.mdb"
    if damage == "garbage":
        lmdb_file.write_bytes(b"no LMDB" * 3000)
    else:
        environment = lmdb.open(str(lmdb_file.parent), map_size=1 << 26)
        with environment.begin(write=True) as transaction:
            for key in list(transaction.cursor().iternext(values=False)):
                transaction.delete(key)
        environment.close()
    with pytest.raises(Problem, match="01-001-aa001"):
        folds.make_folds(aligned, out)
    assert json.loads((out / "02-002-bb002" / "fold.json").read_text())["seed"] == 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits a file's size as Linux does")
def test_a_full_disk_is_one_line_and_finished_folds_stay(aligned, tmp_path):
    import resource
    import signal
    out = tmp_path / "folds"
    folds.make_folds(aligned, out)
    shutil.rmtree(str(out / "03-003-cc003"))
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200000, limits[1]))  # as a disk with 200 kB left for each file
    try:
        with pytest.raises(Problem, match="_lmdb.partial: .*free some space"):
            folds.make_folds(aligned, out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert sorted(path.name for path in out.iterdir() if path.name[0] != ".") == ["01-001-aa001", "02-002-bb002"]
    folds.make_folds(aligned, out)
    assert len(contents(out / "03-003-cc003" / "val_lmdb")) == 11
