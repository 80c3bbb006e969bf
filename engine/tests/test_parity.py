"""Every layer against genuine Caffe: outputs, gradients and changed blobs, number by number.

Genuine Caffe's numbers are recorded in recorded/ (`python record.py` records them again), and computed afresh where
genuine Caffe is at hand.
"""
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

import parity

HERE = Path(__file__).parent
GENUINE = Path(os.environ.get("GENUINE_CAFFE", HERE.parents[1] / ".bvlc")) / "bin" / "python"
FAMILIES = sorted(path.stem for path in (HERE / "cases").glob("[a-z]*.py"))
CASES = [(family, case) for family in FAMILIES for case in parity.cases_of(family)]


def error(found, expected):
    """The largest difference as a share of the largest value."""
    if found.shape != expected.shape:
        return np.inf
    if not found.size:
        return 0
    return np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-6)


@pytest.fixture(scope="session")
def recorded():
    return {family: dict(np.load(HERE / "recorded" / (family + ".npz"))) for family in FAMILIES}


@pytest.mark.parametrize("family, case", CASES, ids=[case.name for _, case in CASES])
def test_as_genuine_caffe(family, case, recorded):
    found = parity.run(case)
    keys = {key for key in recorded[family] if key.startswith(case.name + "/")}
    assert {case.name + "/" + key for key in found} == keys
    for key, array in found.items():
        difference = error(array, recorded[family][case.name + "/" + key])
        assert difference < case.tolerance, "%s: %g" % (key, difference)


@pytest.mark.skipif(not GENUINE.exists(), reason="no genuine Caffe here: `make bvlc` did not run")
@pytest.mark.parametrize("family", FAMILIES)
def test_the_record_is_what_genuine_caffe_says(family, recorded, tmp_path):
    record(family, tmp_path / "fresh.npz")
    fresh = np.load(tmp_path / "fresh.npz")
    assert set(fresh.files) == set(recorded[family])
    for key in fresh.files:
        assert error(fresh[key], recorded[family][key]) < 1e-5, key


def record(family, out):
    """Have genuine Caffe compute the cases of a family."""
    environment = dict(os.environ, PYTHONPATH=str(HERE))
    subprocess.run([str(GENUINE), str(HERE / "parity.py"), family, str(out)], env=environment, check=True)
