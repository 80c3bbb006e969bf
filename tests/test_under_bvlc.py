"""Runs, under genuine Caffe's own Python, the test files that are as much about it as about the current one."""
import os
import subprocess

import pytest

from conftest import BVLC, GENUINE, ROOT, needs_bvlc

pytestmark = [needs_bvlc, pytest.mark.skipif(GENUINE, reason="this is that run")]


@pytest.mark.parametrize("name", ["test_layers", "test_net", "test_check_weights", "test_make_folds", "test_metrics",
                                  "test_results", "test_evaluate", "test_plot_curve"])
def test_under_bvlc(name):
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT / "tools"), str(ROOT)]), GLOG_minloglevel="2")
    process = subprocess.run([str(BVLC / "python"), "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider",
                              str(ROOT / "tests" / (name + ".py"))], cwd=str(ROOT), env=environment,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    assert process.returncode == 0, process.stdout
    assert " passed" in process.stdout.splitlines()[-1], process.stdout
    print(process.stdout.splitlines()[-1])
