"""Numbers that stop being finite: the layer, the data or the weights where it began are named."""
import re
from pathlib import Path

import numpy as np
import pytest

import caffe
from caffe.errors import CaffeError
from caffe.proto import caffe_pb2
from solver_files import GOOD, in_a_folder_of_its_own, loud, write_solver  # noqa: F401  two are fixtures
from solver_runs import Batches, make_solver


def test_names_the_data_that_is_not_finite():
    solver = make_solver("SGD")
    user = solver.net.nodes[0].layer.user
    clean = user.forward

    def forward(bottom, top):
        clean(bottom, top)
        if Batches.position == 4:
            top[0].data[0, 0] = np.nan
    user.forward = forward
    with pytest.raises(CaffeError, match=r"Iteration 3: the loss is nan.*layer batches \(Python\): its top x"):
        solver.step(20)
    assert solver.iter == 3


def test_names_the_layer_that_is_not_finite_and_works_in_place():
    param = caffe_pb2.SolverParameter(base_lr=0.1, lr_policy="fixed")
    write_solver("")
    param.net_param.CopyFrom(caffe.build.read_net("net.prototxt"))
    param.net_param.layer.insert(3, caffe_pb2.LayerParameter(  # the root of a negative number
        name="root", type="Power", bottom=["one"], top=["one"], power_param=dict(shift=-2, power=0.5)))
    with pytest.raises(CaffeError, match=r"Iteration 0: .*layer root \(Power\): its top one"):
        caffe.get_solver(param).step(1)


def test_names_the_weights_that_are_not_finite():
    solver = make_solver("SGD")
    solver.step(2)
    solver.net.params["two"][1].data[1] = np.inf
    with pytest.raises(CaffeError, match=r"Iteration 2: .*layer two \(InnerProduct\): its learnable blob 1"):
        solver.step(1)


def test_names_a_python_layer_with_a_state_of_its_own():
    write_solver("")
    param = caffe_pb2.SolverParameter(base_lr=0.1, lr_policy="fixed")
    param.net_param.CopyFrom(caffe.build.read_net("net.prototxt"))
    param.net_param.layer.insert(3, caffe_pb2.LayerParameter(
        name="late", type="Python", bottom=["one"], top=["late"],
        python_param=dict(module="solver_runs", layer="InfiniteAtThird")))
    param.net_param.layer[4].bottom[0] = "late"
    solver = caffe.get_solver(param)
    with pytest.raises(CaffeError, match=r"Iteration 2: .*layer late \(Python\): its top late"):
        solver.step(5)


def test_a_test_loss_that_is_not_finite_is_told_and_training_goes_on(capfd, monkeypatch):
    monkeypatch.setenv("GLOG_minloglevel", "1")
    solver = make_solver("SGD", options="test_iter: 3 test_interval: 2")
    user = solver.test_nets[0].nodes[0].layer.user
    clean, calls = user.forward, []

    def forward(bottom, top):
        clean(bottom, top)
        calls.append(top[0].data.copy())
        top[0].data[0, 0] = np.nan
    user.forward = forward
    solver.step(3)
    assert len(calls) == 6 and solver.iter == 3
    warnings = capfd.readouterr().err.splitlines()
    assert len(warnings) == 2
    assert re.search("Iteration 2, test net #0: the loss is nan.*layer batches .Python.: its top x", warnings[1])


def test_weights_that_are_not_finite_are_not_saved():
    solver = make_solver("SGD", options='snapshot_prefix: "s"')
    solver.net.params["two"][0].data[0, 1] = np.nan
    with pytest.raises(CaffeError, match=r"Iteration 0: no snapshot .*layer two .InnerProduct.: its learnable blob 0"):
        solver.snapshot()
    assert not list(Path().glob("*.caffemodel"))
