"""Solver prototxts in a folder of the test's own."""

import pytest

import solver_runs

GOOD = 'net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" '


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def loud(monkeypatch):
    monkeypatch.setenv("GLOG_minloglevel", "0")


def write_solver(text):
    with open("net.prototxt", "w") as file:
        file.write(solver_runs.NET)
    with open("solver.prototxt", "w") as file:
        file.write(text)
    return "solver.prototxt"
