"""Snapshots: what is refused, what does not fit on the disk, and names."""
import os
import resource
from pathlib import Path

import numpy as np
import pytest

import caffe
import solver_runs
from caffe.errors import CaffeError
from solver_files import GOOD, in_a_folder_of_its_own, loud, write_solver  # noqa: F401  two are fixtures
from solver_runs import flat, learned, make_solver


@pytest.mark.parametrize("form", ["BINARYPROTO", "HDF5"])
@pytest.mark.parametrize("prefix, message", [
    ("a" * 250, "too long"), ("a\\000b", "null"), ("nowhere/a", "Cannot write")])
def test_a_prefix_that_is_no_name_of_a_file(form, prefix, message):
    solver = make_solver("SGD", options='snapshot_prefix: "%s" snapshot_format: %s' % (prefix, form))
    with pytest.raises(CaffeError, match=message):
        solver.snapshot()
    assert not list(Path().glob("*_iter_*"))


def test_a_snapshot_that_does_not_fit_on_the_disk_leaves_nothing(tmp_path):
    for form, what in ("BINARYPROTO", ""), ("HDF5", ".h5"):
        solver = make_solver("SGD", options='snapshot_prefix: "s" snapshot_format: ' + form)
        solver.snapshot()
        name = "s_iter_0.caffemodel" + what
        before, files = (tmp_path / name).read_bytes(), sorted(os.listdir())
        solver.net.params["one"][0].data[...] = 0
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        try:
            with pytest.raises(CaffeError, match=r"s_iter_0.caffemodel\S*: cannot be written: .*(too large)"):
                solver.snapshot()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert (tmp_path / name).read_bytes() == before and sorted(os.listdir()) == files


@pytest.mark.parametrize("kind, message", [
    ("other type", "Incorrect length of history blobs: 4, but this solver has 8"),
    ("other net", r"history blob 0 is of shape \(4, 3\), but that of this net \(7, 3\)"),
    ("no weights", "its weights, 'tiny_iter_0.caffemodel', are not there"),
    ("other weights", "layer two .*shape mismatch"),
])
def test_a_state_that_does_not_fit_changes_nothing(kind, message):
    make_solver("SGD", options='snapshot_prefix: "tiny"').snapshot()
    solver = make_solver("Adam" if kind == "other type" else "SGD", options='snapshot_prefix: "tiny"')
    if kind == "other net":
        with open("net.prototxt", "w") as file:
            file.write(solver_runs.NET.replace("num_output: 4", "num_output: 7"))
        solver = caffe.get_solver("solver.prototxt")
    elif kind == "no weights":
        os.unlink("tiny_iter_0.caffemodel")
    elif kind == "other weights":
        weights = caffe.build.read_weights("tiny_iter_0.caffemodel")
        weights.layer[3].blobs[0].shape.dim[:] = [4, 3]
        with open("tiny_iter_0.caffemodel", "wb") as file:
            file.write(weights.SerializeToString())
    for blob in learned(solver.net):
        blob.data[...] = 5
    solver.step(1)
    before = flat(solver.net)
    with pytest.raises(CaffeError, match=message):
        solver.restore("tiny_iter_0.solverstate")
    assert solver.iter == 1 and np.array_equal(flat(solver.net), before)


def test_snapshot_prefix_is_the_solvers_name_or_in_a_folder(tmp_path):
    (tmp_path / "out").mkdir()
    write_solver(GOOD)
    caffe.get_solver(str(tmp_path / "solver.prototxt")).snapshot()
    assert (tmp_path / "solver_iter_0.solverstate").exists()
    caffe.get_solver(write_solver(GOOD + 'snapshot_prefix: "out"')).snapshot()
    assert (tmp_path / "out/solver_iter_0.caffemodel").exists()
