"""How many trainings `train.py --jobs auto` has at a time."""
import os
import subprocess

import pytest

from pain.training.jobs import jobs_for
from support.project import ROOT


@pytest.mark.parametrize("cores, memory, jobs", [
    (16, "143771", 5), (64, "143771", 5), (8, "143771", 2), (2, "143771", 1), (16, "16384", 2), (16, "4096", 1),
    (16, "[N/A]", 5)])
def test_as_many_as_keep_a_gpu_busy_and_fit(cores, memory, jobs, tmp_path, monkeypatch):
    nvidia_smi = tmp_path / "nvidia-smi"
    nvidia_smi.write_text("#!/bin/sh\n[ \"$1\" = --id=3 ] && echo '%s'\n" % memory)
    nvidia_smi.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert jobs_for(3) == jobs


def test_without_nvidia_smi_memory_is_not_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    assert jobs_for(0) == 4


def test_one_on_the_cpu():
    assert jobs_for(None) == 1


@pytest.mark.parametrize("jobs, of_other_steps", [("auto", ""), ("3", "--jobs 3")])
def test_make_has_other_steps_take_their_default(jobs, of_other_steps):
    """One line of make, as README has it, may name steps that know of no auto."""
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    said = subprocess.run(["make", "--dry-run", "--old-file", ".venv/ready", "align", "folds", "train", "osvr",
                           "JOBS=" + jobs], cwd=str(ROOT), env=environment, stdout=subprocess.PIPE, check=True,
                          text=True).stdout.replace("\\\n", " ")
    commands = {line.split()[1]: line for line in said.splitlines() if "python tools/" in line}
    assert set(commands) == {"tools/" + name for name in ("align_faces.py", "make_folds.py", "train.py", "osvr.py")}
    assert "--jobs %s " % jobs in commands.pop("tools/train.py")
    for line in commands.values():
        assert ("--jobs" in line) == bool(of_other_steps) and of_other_steps in line
