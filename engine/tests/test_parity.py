"""Every layer, and programs in the manner of public notebooks, against genuine Caffe on the CPU, number by number.

cases/ has the layers, scripts/ the programs. Genuine Caffe's numbers are recorded in recorded/ (`python record.py`
records them again), and computed afresh where genuine Caffe is at hand.
"""
import numpy as np
import pytest

from genuine import (
    FAMILIES,
    MODULES,
    AsGenuine,
    assert_same,
    error,
    needs_genuine,
    record,
    record_programs,
    recorded,
    saw,
    seen,
)


class TestOnTheCPU(AsGenuine):
    pass


@needs_genuine
@pytest.mark.parametrize("family", FAMILIES)
def test_the_record_is_what_genuine_caffe_says(family, tmp_path):
    record(family, tmp_path / "fresh.npz")
    fresh = np.load(tmp_path / "fresh.npz")
    assert set(fresh.files) == set(recorded(family))
    for key in fresh.files:
        assert error(fresh[key], recorded(family)[key]) < 1e-5, key


@needs_genuine
@pytest.mark.parametrize("module", MODULES)
def test_programs_see_what_genuine_caffe_says(module, tmp_path):
    record_programs(module, tmp_path / "fresh.npz")
    fresh = saw(tmp_path / "fresh.npz")
    assert set(fresh) == set(seen(module))
    for name in fresh:
        assert_same(fresh[name], seen(module)[name])
