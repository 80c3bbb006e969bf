"""Recorded work (caffe/graphs.py) on the make-believe GPU: the very bits of what is done as it is, whatever scripts do."""
import caffe
import numpy as np
import pytest
import torch
from caffe import graphs

import parity
import pretend_device
import solver_runs
from genuine import CASES
from pretend_device import gpu  # noqa: F401  a fixture
from solver_runs import flat, make_solver

PASSES = 5


def with_and_without(run, monkeypatch):
    """What run() returns with graphs and without, and how many were recorded."""
    recorded = run()
    made, pretend_device.Graph.made = pretend_device.Graph.made, 0
    monkeypatch.setattr(graphs, "ENABLED", False)
    plain = run()
    assert not pretend_device.Graph.made
    return recorded, plain, made


def assert_same_bits(one, other):
    assert set(one) == set(other)
    for key in one:
        assert np.array_equal(one[key], other[key], equal_nan=True), key


@pytest.mark.parametrize("family, case", CASES, ids=[case.name for _, case in CASES])
def test_every_layer_computes_the_same(family, case, monkeypatch):
    monkeypatch.setattr(graphs, "LEAST", 1)

    def run():
        caffe.set_random_seed(3)
        return parity.run(case._replace(steps=PASSES))
    recorded, plain, made = with_and_without(run, monkeypatch)
    assert_same_bits(recorded, plain)


# Trainings.

@pytest.mark.parametrize("most", [2, 24])
@pytest.mark.parametrize("case", solver_runs.CASES)
def test_trainings_have_the_same_weights(case, most, monkeypatch):
    monkeypatch.setattr(graphs, "MOST", most)

    def run():
        solver = make_solver(*solver_runs.CASES[case])
        solver.step(12)
        return {"weights": flat(solver.net)}
    recorded, plain, made = with_and_without(run, monkeypatch)
    assert_same_bits(recorded, plain)
    assert made
