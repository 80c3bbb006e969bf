"""The engine's GPU path on a make-believe GPU (pretend_device.py), against what is recorded of genuine Caffe.

It finds what mixes the host with the device, copies more than it must, or leaves arrays and tensors apart.
"""
import types

import numpy as np
import pytest
import torch

import caffe
from caffe import context

import parity
import pretend_device
import scripts
from test_parity import CASES, FAMILIES, HERE, error
from test_pycaffe import PROGRAMS, MODULES, assert_same, saw


@pytest.fixture(autouse=True)
def gpu(monkeypatch):
    """Has set_mode_gpu() mean the make-believe GPU, and calls it; scripts' set_mode_cpu() changes nothing."""
    monkeypatch.setattr(context, "GPU", pretend_device.NAME)
    monkeypatch.setattr(context, "_settings", dict(context._settings))
    monkeypatch.setattr(torch, "Generator", pretend_device.generator)
    monkeypatch.setattr(torch.Tensor, "pin_memory", torch.Tensor.clone)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(caffe, "set_mode_cpu", lambda: None)
    caffe.set_mode_gpu()
    pretend_device.copies.clear()


@pytest.fixture(scope="module")
def recorded():
    return {family: dict(np.load(HERE / "recorded" / (family + ".npz"))) for family in FAMILIES}


@pytest.fixture(scope="module")
def seen():
    return {module: saw(HERE / "recorded" / (module + ".npz")) for module in MODULES}


@pytest.mark.parametrize("family, case", CASES, ids=[case.name for _, case in CASES])
def test_as_genuine_caffe(family, case, recorded):
    for key, array in parity.run(case).items():
        difference = error(array, recorded[family][case.name + "/" + key])
        assert difference < case.tolerance, "%s: %g" % (key, difference)


@pytest.mark.parametrize("module, name", PROGRAMS, ids=["-".join(program) for program in PROGRAMS])
def test_programs_as_genuine_caffe(module, name, seen):
    assert_same(scripts.run(scripts.programs(module)[name]), seen[module][name])
