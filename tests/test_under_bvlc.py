"""Runs, under genuine Caffe's own Python, the test files that are as much about it as about the current one."""
import os
import subprocess

import pytest

from support.project import BVLC, GENUINE, ROOT, needs_bvlc

pytestmark = [needs_bvlc, pytest.mark.skipif(GENUINE, reason="this is that run")]


FILES = ["test_layers", "test_progress", "test_prototxts", "test_pain_nets", "test_nets_and_solvers", "test_weights",
         "datasets/test_folds", "datasets/test_lmdbs", "datasets/test_redundant_frames", "evaluation/test_metrics",
         "evaluation/test_results", "evaluation/test_mat_files", "evaluation/test_side_by_side",
         "evaluation/test_evaluate", "evaluation/test_paper_figure"]


def test_under_bvlc():
    path = os.pathsep.join(map(str, (ROOT / "tools", ROOT / "tests", ROOT)))
    environment = dict(os.environ, PYTHONPATH=path, GLOG_minloglevel="2", PYTEST_ADDOPTS="")  # it is an older one
    process = subprocess.run([str(BVLC / "python"), "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider",
                              *(str(ROOT / "tests" / (name + ".py")) for name in FILES)], cwd=str(ROOT),
                             env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.returncode == 0, process.stdout
    assert " passed" in process.stdout.splitlines()[-1], process.stdout
    print(process.stdout)
