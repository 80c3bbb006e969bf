"""What genuine Caffe computes for the tests: recorded in recorded/, and afresh where it is at hand.

`python record.py` records it again.
"""
import functools
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

import parity
import scripts

HERE = Path(__file__).parent
PATIENCE = 300  # seconds with a process, on a machine that is busy
GENUINE = Path(os.environ.get("GENUINE_CAFFE", HERE.parents[1] / ".bvlc")) / "bin" / "python"
needs_genuine = pytest.mark.skipif(not GENUINE.exists(), reason="no genuine Caffe here: `make bvlc` did not run")


def error(found, expected):
    """The largest difference as a share of the largest value."""
    if found.shape != expected.shape:
        return np.inf
    if not found.size:
        return 0
    return np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-6)


# The layers: cases/, a module a family.

FAMILIES = sorted(path.stem for path in (HERE / "cases").glob("[a-z]*.py"))
CASES = [(family, case) for family in FAMILIES for case in parity.cases_of(family)]


@functools.lru_cache(maxsize=None)
def recorded(family):
    """{case/key: array} of a family."""
    return dict(np.load(HERE / "recorded" / (family + ".npz")))


def record(family, out):
    """Have genuine Caffe compute the cases of a family."""
    environment = dict(os.environ, PYTHONPATH=str(HERE))
    subprocess.run([str(GENUINE), str(HERE / "parity.py"), family, str(out)], env=environment, check=True)


# pycaffe: scripts/, modules of programs.

MODULES = ["notebooks", "notebook_trainings", "behaviour", "surroundings", "specs", "older_formats", "nets",
           "sharing", "idioms", "passes"]
PROGRAMS = [(module, name) for module in MODULES for name in scripts.programs(module)]


def record_programs(module, out):
    """Have genuine Caffe run the programs of a module."""
    environment = dict(os.environ, PYTHONPATH=str(HERE))
    subprocess.run([str(GENUINE), "-m", "scripts", module, str(out)], env=environment, check=True, cwd=HERE)


def saw(path):
    """{name: {key: array}} of a file that scripts.run_all wrote."""
    found = {}
    for key, array in np.load(path).items():
        name, _, rest = key.partition("/")
        found.setdefault(name, {})[rest] = array
    return found


@functools.lru_cache(maxsize=None)
def seen(module):
    """{program: {key: array}} of a module."""
    return saw(HERE / "recorded" / (module + ".npz"))


def assert_same(found, expected):
    assert set(found) == set(expected)
    for key, array in found.items():
        if array.dtype.kind in "fc" or expected[key].dtype.kind in "fc":
            assert error(array, expected[key]) < 1e-4, key
        else:
            np.testing.assert_array_equal(array, expected[key], key)


class AsGenuine:
    """Tests of every layer and every program, for a class to inherit in a file that chooses the device."""

    @pytest.mark.parametrize("family, case", CASES, ids=[case.name for _, case in CASES])
    def test_layers(self, family, case):
        found = parity.run(case)
        assert {case.name + "/" + key for key in found} == {
            key for key in recorded(family) if key.startswith(case.name + "/")}
        for key, array in found.items():
            difference = error(array, recorded(family)[case.name + "/" + key])
            assert difference < case.tolerance, "%s: %g" % (key, difference)

    @pytest.mark.parametrize("module, name", PROGRAMS, ids=["-".join(program) for program in PROGRAMS])
    def test_programs(self, module, name):
        assert_same(scripts.run(scripts.programs(module)[name]), seen(module)[name])


# Solvers: solver_runs.py.

RECORD = HERE / "recorded" / "solvers.npz"
SNAPSHOTS = ["SGD-BINARYPROTO", "SGD-HDF5", "Adam-BINARYPROTO", "Adam-HDF5"]


def genuine(*args, cwd):
    """Run solver_runs.py under genuine Caffe. Returns what it logged."""
    environment = dict(os.environ, PYTHONPATH=str(HERE), GLOG_minloglevel="0")
    return subprocess.run([str(GENUINE), str(HERE / "solver_runs.py"), *map(str, args)], env=environment, cwd=cwd,
                          check=True, stderr=subprocess.PIPE, text=True).stderr


def record_solvers(out, folder):
    """Have genuine Caffe compute everything that the tests compare with."""
    genuine("weights", folder / "weights.npz", cwd=folder)
    arrays = dict(np.load(folder / "weights.npz"), log=np.array(log_lines(genuine("log", cwd=folder))))
    genuine("snapshot", *make_folders(folder), cwd=folder)
    for path in folder.glob("*-*/*"):
        if path.name.startswith("tiny_iter_10."):
            arrays["%s/%s" % (path.parent.name, path.name)] = np.frombuffer(path.read_bytes(), np.uint8)
        elif path.name == "end.npy":
            arrays["%s/end" % path.parent.name] = np.load(path)
    np.savez_compressed(out, **arrays)


def make_folders(folder):
    for name in SNAPSHOTS:
        (folder / name).mkdir()
    return SNAPSHOTS


def log_lines(text):
    """The training's part of a log, from the place in the sources on, and without what the clock has said."""
    lines = [re.sub(r" \(\S+ iter/s, \S+s/5 iters\)", "", line.split(None, 3)[-1]) for line in text.splitlines()]
    return lines[lines.index("solver.cpp:289] Solving tiny"):]


# How prototxts are read: prototext_runs.py.

def record_prototexts(out, folder, every=1):
    """Have genuine Caffe read every so many of them."""
    environment = dict(os.environ, PYTHONPATH=str(HERE), GLOG_minloglevel="0")
    subprocess.run([str(GENUINE), str(HERE / "prototext_runs.py"), str(out), str(every)], env=environment, cwd=folder,
                   check=True)


# BVLC's other programs lie beside the command `caffe`, and are started as that is.

def tool_command(name):
    """The first words of the command line that runs one."""
    caffe = GENUINE.with_name("caffe")
    return ["sh", "-c", caffe.read_text().replace('/bin/caffe"', '/bin/%s"' % name), str(caffe)]


def run_tool(name, *args):
    """Run one. Returns its status, an abort's as a shell has it, and what it said."""
    done = subprocess.run([*tool_command(name), *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=dict(os.environ, GLOG_minloglevel="0"))
    return done.returncode if done.returncode >= 0 else 128 - done.returncode, done.stdout.decode(errors="replace")


# Older formats: older_formats/.

OLD = sorted((HERE / "older_formats").glob("*.prototxt"))
UPGRADED = HERE / "recorded" / "upgraded"


def upgrade_by_genuine_caffe(path, out):
    """Run the tool of BVLC's that upgrades the file."""
    run_tool("upgrade_solver_proto_text" if path.stem.startswith("solver") else "upgrade_net_proto_text", path, out)
    assert out.exists()  # the status is 1 if fields were dropped
