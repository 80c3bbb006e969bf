"""Damaged caffemodels and solverstates, binary and HDF5: a CaffeError, or a net that trains on; nothing else."""
import numpy as np
import pytest
from google.protobuf import text_format

import caffe
from caffe.errors import CaffeError
from genuine import HERE
from mutations import mutated
from solver_runs import learned, make_solver

MUTATIONS = 1000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with snapshots of a solver in both forms."""
    folder = tmp_path_factory.mktemp("fuzz")
    for form in "BINARYPROTO", "HDF5":
        options = 'snapshot_prefix: "%s/s" snapshot_format: %s' % (folder, form)
        solver = make_solver("Adam", "multistep", options, folder)
        solver.step(6)
        solver.snapshot()
    return folder


@pytest.mark.parametrize("end", ["caffemodel", "caffemodel.h5", "solverstate", "solverstate.h5"])
def test_damaged_file(end, folder, monkeypatch):
    monkeypatch.setenv("GLOG_minloglevel", "2")
    original, damaged = (folder / ("s_iter_6." + end)).read_bytes(), folder / ("damaged." + end)
    random, solver = np.random.RandomState(0), caffe.get_solver(str(folder / "solver.prototxt"))
    shapes, refused = [blob.shape for blob in learned(solver.net)], 0
    for _ in range(MUTATIONS):
        damaged.write_bytes(mutated(original, random))
        try:
            if end.startswith("caffemodel"):
                caffe.snapshot.load_weights(solver.net, str(damaged))
            else:
                solver.restore(str(damaged))
        except CaffeError as error:
            refused += 1
            assert "\n" not in str(error) and len(str(error)) < 600
            continue
        assert [blob.shape for blob in learned(solver.net)] == shapes and 0 <= solver.iter < 2 ** 31
        solver.net.forward()
    assert MUTATIONS / 10 < refused < MUTATIONS


@pytest.mark.parametrize("name", ["v0_trunk", "v1_types"])
def test_damaged_caffemodel_of_an_older_format(name, tmp_path, monkeypatch):
    monkeypatch.setenv("GLOG_minloglevel", "3")
    old, damaged = caffe.proto.caffe_pb2.NetParameter(), tmp_path / "damaged"
    text_format.Merge((HERE / "older_formats" / (name + ".prototxt")).read_text(), old)
    for layer in old.layers:
        (layer.layer if layer.HasField("layer") else layer).blobs.add(num=1, channels=1, height=1, width=2, data=[1, 2])
    original, random, refused = old.SerializeToString(), np.random.RandomState(0), 0
    for _ in range(MUTATIONS):
        damaged.write_bytes(mutated(original, random))
        try:
            assert not caffe.build.read_weights(str(damaged)).layers  # all in today's form
        except CaffeError as error:
            refused += 1
            assert "\n" not in str(error)
    assert MUTATIONS / 10 < refused < MUTATIONS
