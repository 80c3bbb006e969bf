"""A training's folder: which snapshots count, what a kill leaves there, and that it is one trainer's."""
import json
import os
import signal
import subprocess

import pytest
from caffe.proto import caffe_pb2

from pain import locks
from pain.errors import Problem
from pain.pieces.piece import Children
from pain.provenance import SYNTHETIC, Data, Origin, as_dict, read_origin
from pain.training.caffe_train import Training
from support.processes import started


@pytest.fixture
def make(tmp_path):
    """A function that makes a Training of these fields of a solver, in `tmp_path`/run."""
    def make(**fields):
        solver = caffe_pb2.SolverParameter(**dict(dict(net="net", snapshot_prefix="pain", max_iter=10), **fields))
        (tmp_path / "solver.prototxt").write_text(str(solver))
        (tmp_path / "data" / "train_lmdb").mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / "train_lmdb" / "data.mdb").touch()
        return Training(tmp_path / "solver.prototxt", tmp_path / "run", tmp_path / "data", ["train_lmdb"], "make folds")
    return make


def write(folder, iteration, halves=()):
    """Write a snapshot of this iteration, the files of the suffixes `halves` cut short."""
    weights = caffe_pb2.NetParameter()
    weights.layer.add(name="a").blobs.add(data=[1, 2]).shape.dim.append(2)
    folder.mkdir(exist_ok=True)
    for suffix, message in ("caffemodel", weights), ("solverstate", caffe_pb2.SolverState(iter=1, learned_net="net")):
        content = message.SerializeToString()
        (folder / ("pain_iter_%s.%s" % (iteration, suffix))).write_bytes(content[:-3] if suffix in halves else content)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_a_kill_leaves_is_swept_and_training_goes_on_from_what_is_whole(make):
    training = make()
    write(training.folder, 2)
    write(training.folder, 4)
    write(training.folder, 6, ["caffemodel"])
    write(training.folder, 8, ["solverstate"])
    write(training.folder, "best", ["caffemodel"])  # somebody's own
    for name in ".pain_iter_9.caffemodel.17.partial", ".pain_iter_2.origin.99.partial.json":
        (training.folder / name).touch()
    assert training.prepare() == 4
    assert names(training.folder) == [
        "pain_iter_2.caffemodel", "pain_iter_2.solverstate", "pain_iter_4.caffemodel", "pain_iter_4.solverstate",
        "pain_iter_6.solverstate", "pain_iter_8.caffemodel", "pain_iter_best.caffemodel", "pain_iter_best.solverstate",
        "train_lmdb"]


def test_a_finished_training_keeps_its_last_snapshot_though_it_was_killed_before_it_had_removed_the_others(make):
    training = make()
    for iteration in 2, 4, 10:
        write(training.folder, iteration)
        (training.folder / ("pain_iter_%d.origin.json" % iteration)).touch()
    (training.folder / "pain_iter_4.solverstate").unlink()  # by then
    assert training.prepare() == 10
    assert names(training.folder) == ["pain_iter_10.caffemodel", "pain_iter_10.origin.json", "pain_iter_10.solverstate",
                                      "train_lmdb"]


@pytest.mark.parametrize("prefix", ["/somewhere/pain", "../pain", "snapshots/pain", ".."])
def test_snapshots_stay_in_the_folder(make, prefix):
    with pytest.raises(Problem, match="solver.prototxt: snapshot_prefix '%s': give a name alone" % prefix):
        make(snapshot_prefix=prefix)


def test_a_folder_is_one_trainers(make, monkeypatch):
    training = make()
    monkeypatch.setattr(locks, "PATIENCE", 0.1)
    with locks.alone_in(training.folder):
        for start in training.prepare, lambda: training.run("caffe", None, None):
            with pytest.raises(Problem, match="run: another process is at work here; wait until it is done"):
                start()
    assert os.listdir(str(training.folder)) == ["train_lmdb"] or os.listdir(str(training.folder)) == []


def test_a_caffe_that_writes_no_snapshot_in_time_is_ended(usual_signals):
    children = Children()
    with started("sh", "-c", "trap '' INT; echo ready; sleep 600", stdout=subprocess.PIPE,
                 start_new_session=True) as caffe:
        assert caffe.stdout.readline() == "ready\n"
        children.add(caffe)
        children.stop(0.1)
        assert caffe.wait() == -signal.SIGKILL
    with started("sleep", "600", start_new_session=True) as late:
        children.add(late)
        assert late.wait() == -signal.SIGINT


def test_where_the_snapshots_of_a_killed_run_come_from_is_said_by_the_next(make):
    training = make()
    write(training.folder, 2)
    write(training.folder, 4)
    training.log.write_text("$ caffe train\n")
    origin = Origin(Data(SYNTHETIC, 3, 9, (9,), ("01-a",)), "run")
    (training.folder / ".run.json").write_text(json.dumps({"since": 2, "origin": as_dict(origin)}))
    assert training.prepare() == 4 and not (training.folder / ".run.json").exists()
    assert read_origin(training.folder / "pain_iter_2.caffemodel") == Origin()
    assert read_origin(training.folder / "pain_iter_4.caffemodel").data == origin.data
    (training.folder / ".run.json").write_text("{")
    assert training.prepare() == 4
