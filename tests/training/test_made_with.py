"""What a training was made with, against what it would be made with now: every kind of change, and what is none."""
import json

import pytest

from pain.errors import Problem
from pain.files import sha256
from pain.training.made_with import ingredients, refuse_changes, write_record

SOLVER = 'net: "net.prototxt" base_lr: 0.1 lr_policy: "%s" max_iter: 10 train_state { stage: "smooth_l1" }'
NET = 'layer { name: "a" type: "Input" top: "a" input_param { shape { dim: 1 } } }'


@pytest.fixture
def files(tmp_path):
    """The paths of a solver, a net and weights."""
    paths = [tmp_path / name for name in ("solver.prototxt", "net.prototxt", "start.caffemodel")]
    for path, text in zip(paths, (SOLVER % "fixed", NET, "weights")):
        path.write_text(text)
    (tmp_path / "data").mkdir()
    for name in "fold.json", "train.txt", "data.mdb":
        (tmp_path / "data" / name).write_text("a")
    return paths


def differs(folder, files, iteration=10):
    """In what the files differ from the record, as the error says it; empty for nothing."""
    try:
        refuse_changes(folder, ingredients(*files, files[0].parent / "data"), iteration)
    except Problem as problem:
        assert str(problem).startswith("%s: was trained with another " % folder) and "remove the folder" in str(problem)
        return str(problem).split("another ", 1)[1].split(";")[0]
    return ""


@pytest.mark.parametrize("old, new, words", [
    ("base_lr: 0.1", "base_lr: 0.10  # the same\n", ""), ("base_lr: 0.1", "base_lr: 0.2", "base_lr"),
    ("base_lr: 0.1", "base_lr: 0.1 display: 7 snapshot: 3", ""), ("smooth_l1", "center_l1", "train_state"),
    ('net: "net.prototxt"', 'net: "elsewhere/net.prototxt" momentum: 0.9', "momentum"),
    ("max_iter: 10", "max_iter: 20", ""), ("max_iter: 10", "max_iter: 9", "max_iter")])
def test_solvers(tmp_path, files, old, new, words):
    write_record(tmp_path, ingredients(*files, files[0].parent / "data"))
    files[0].write_text(files[0].read_text().replace(old, new))
    assert differs(tmp_path, files) == words


def test_with_poly_the_rate_depends_on_the_last_iteration(tmp_path, files):
    files[0].write_text(SOLVER % "poly")
    write_record(tmp_path, ingredients(*files, files[0].parent / "data"))
    files[0].write_text(files[0].read_text().replace("max_iter: 10", "max_iter: 20"))
    assert differs(tmp_path, files, 5) == "max_iter"


def test_nets_and_weights(tmp_path, files):
    write_record(tmp_path, ingredients(*files, files[0].parent / "data"))
    assert ingredients(*files, files[0].parent / "data")["weights"] == sha256(files[2])
    files[1].write_text("# a comment\n" + NET.replace(" top", "\n  top"))
    assert differs(tmp_path, files) == ""
    files[1].write_text(NET.replace("dim: 1", "dim: 2"))
    assert differs(tmp_path, files) == "net"
    files[2].write_text("other weights")
    assert differs(tmp_path, files) == "net, weights"
    assert differs(tmp_path, [*files[:2], None]) == "net, weights"  # from scratch
    files[2].unlink()
    assert differs(tmp_path, files) == "net"  # nobody can tell


def test_data(tmp_path, files):
    write_record(tmp_path, ingredients(*files, tmp_path / "data"))
    (tmp_path / "data" / "data.mdb").write_text("made again, of the same")
    assert differs(tmp_path, files) == ""
    (tmp_path / "data" / "fold.json").write_text("of other frames")
    assert differs(tmp_path, files) == "data"
    refuse_changes(tmp_path, ingredients(*files, tmp_path / "data"), 10, of=("net", "weights"))
    record = json.loads((tmp_path / "made_with.json").read_text())
    del record["data"]  # of an older version
    (tmp_path / "made_with.json").write_text(json.dumps(record))
    assert differs(tmp_path, files) == ""


@pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"solver": "no_such_field: 1", "net": "", "weights": ""}',
                                     "[" * 10 ** 5])
def test_without_a_record_nothing_is_known(tmp_path, files, content):
    if content is not None:
        (tmp_path / "made_with.json").write_text(content)
    assert differs(tmp_path, files) == ""
