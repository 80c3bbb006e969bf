"""lmdbs.py: what is written is read again; what is no LMDB or no list is one line. test_folds.py has Caffe's bytes."""
import numpy as np
import pytest
from caffe.proto import caffe_pb2

from pain.datasets import lmdbs
from pain.errors import Problem
from pain.progress import progress


def test_a_datum_is_blue_green_red_in_planes():
    image = np.random.RandomState(0).randint(0, 256, (112, 96, 3)).astype(np.uint8)
    datum = caffe_pb2.Datum.FromString(lmdbs.datum(image, 3))
    assert (datum.channels, datum.height, datum.width, datum.label, datum.encoded) == (3, 112, 96, 3, False)
    planes = np.frombuffer(datum.data, np.uint8).reshape(3, 112, 96)
    assert all((planes[2 - c] == image[:, :, c]).all() for c in range(3))


def test_records_come_back_in_order(tmp_path):
    """More than one transaction's worth."""
    records = [("frame%d.png" % i, b"%d" % i) for i in range(lmdbs.COMMIT_EVERY + 3)]
    with progress(total=len(records), disable=True) as bar:
        lmdbs.write_lmdb(tmp_path / "lmdb", records, len(records), bar)
    assert bar.n == len(records)
    with lmdbs.open_lmdb(tmp_path / "lmdb") as database:
        found = list(database.records())
        assert lmdbs.read(database, b"%08d_frame7.png" % 7, tmp_path / "lmdb") == b"7"
        with pytest.raises(Problem, match="lmdb: incomplete, no key other; remove .* and make it again"):
            lmdbs.read(database, b"other", tmp_path / "lmdb")
    assert found == [(b"%08d_%s" % (i, name.encode()), value) for i, (name, value) in enumerate(records)]


def test_what_is_no_lmdb(tmp_path):
    with pytest.raises(Problem, match="none.*; remove .* and make it again"), lmdbs.open_lmdb(tmp_path / "none"):
        pass


@pytest.mark.parametrize("damage", ["cut at 1", "cut at 5000", "cut at -9000", "zeros", "ones", "noise"])
def test_a_damaged_lmdb_is_one_line(tmp_path, damage):
    """Of what is missing or changed the library lmdb would make a bus error, which ends the process."""
    records = [("%d" % i, bytes(20000)) for i in range(20)]
    with progress(total=20, disable=True) as bar:
        lmdbs.write_lmdb(tmp_path / "lmdb", records, len(records), bar)
    path = tmp_path / "lmdb" / "data.mdb"
    whole, rest = path.read_bytes(), len(path.read_bytes()) - 8192
    if damage.startswith("cut"):
        path.write_bytes(whole[:int(damage.split()[-1])])
    else:
        path.write_bytes(whole[:8192] + {"zeros": bytes(rest), "ones": b"\xff" * rest,
                                         "noise": np.random.RandomState(0).bytes(rest)}[damage])
    with pytest.raises(Problem, match="damaged, cut short, or no LMDB: .*; remove .* and make it again"):
        with lmdbs.open_lmdb(tmp_path / "lmdb") as database:
            list(database.records())


def test_lists_come_back_as_they_were(tmp_path):
    names, labels = ["a b/c.png", "\u00e9 1.png"], [5, 0]
    lmdbs.write_list(tmp_path / "val.txt", names, labels)
    assert (tmp_path / "val.txt").read_text(encoding="utf-8") == "a b/c.png 5\n\u00e9 1.png 0\n"
    assert lmdbs.read_list(tmp_path / "val.txt") == (names, labels)


@pytest.mark.parametrize("content", [b"a.png\n", b"a.png x\n", b"\xff\xfe 1\n", None])
def test_what_is_no_list(tmp_path, content):
    if content is not None:
        (tmp_path / "val.txt").write_bytes(content)
    with pytest.raises(Problem, match="val.txt: missing or no list of paths and labels; remove .* `make folds`"):
        lmdbs.read_list(tmp_path / "val.txt")
