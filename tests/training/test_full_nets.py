"""The project's full nets on the engine, number by number as on genuine Caffe: values, gradients, 10 iterations.

Genuine Caffe's numbers are in tests/support/recorded/, and computed afresh where it is at hand. To record them again:
    PYTHONPATH=.:tools:tests python tests/training/test_full_nets.py
"""
import os
import subprocess

import numpy as np
import pytest

from support import net_parity
from support.project import BVLC, ROOT, needs_bvlc

NETS = "pain", "face"
RECORDED = ROOT / "tests" / "support" / "recorded"
# Of the largest value. A change is what 10 iterations made of a weight; in them the PReLUs get kinks.
TOLERANCE = {"data": 1e-4, "diff": 1e-4, "change": 1e-3}


def record(name, out):
    """Have genuine Caffe run a net."""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(map(str, (ROOT, ROOT / "tools", ROOT / "tests"))))
    subprocess.check_call([str(BVLC / "python"), str(ROOT / "tests" / "support" / "net_parity.py"), name, str(out)],
                          env=environment, stderr=subprocess.DEVNULL)


def differences(found, expected):
    """The largest difference of each kind (data, diff, change), as a share of each array's largest value."""
    assert set(found) == set(expected)
    largest = dict.fromkeys(TOLERANCE, 0)
    for key, values in expected.items():
        kind = key.split("/")[0]
        largest[kind] = max(largest[kind], np.abs(found[key] - values).max() / max(values[-1], 1e-20))
    return largest


@pytest.mark.parametrize("name", NETS)
def test_full_nets_are_as_on_genuine_caffe(name, tmp_path):
    found = differences(net_parity.run(name, tmp_path), np.load(str(RECORDED / (name + ".npz"))))
    print(found)
    assert all(found[kind] < TOLERANCE[kind] for kind in TOLERANCE), found


@needs_bvlc
@pytest.mark.full
@pytest.mark.parametrize("name", NETS)
def test_the_record_is_what_genuine_caffe_says(name, tmp_path):
    record(name, tmp_path / "fresh.npz")
    found = differences(np.load(str(tmp_path / "fresh.npz")), np.load(str(RECORDED / (name + ".npz"))))
    assert all(found[kind] < TOLERANCE[kind] for kind in TOLERANCE), found


if __name__ == "__main__":
    for net in NETS:
        record(net, RECORDED / (net + ".npz"))
