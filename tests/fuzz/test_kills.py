"""A small share of kills.py, and that it tells what it should."""
import signal
import sys

import pytest

from fuzz import commands, kills
from fuzz.steps import SLIM, Step
from support.processes import PATIENCE, wait_until

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")


@linux
def test_killed_folds_are_as_if_they_had_never_been(tmp_path, monkeypatch):
    monkeypatch.setattr(kills, "COLD", 1)  # this process may have threads, and then should not be forked
    monkeypatch.setattr(commands, "GONE", PATIENCE)
    said = []
    assert kills.kill_step(kills.Work(tmp_path, SLIM), "folds", 2, say=said.append) == []
    assert said[-1].startswith("folds: 2 kills, 0 times wrong")


@linux
def test_what_stays_and_what_differs_is_told(tmp_path, monkeypatch):
    tool = tmp_path / "tools" / "tool.py"
    tool.parent.mkdir()
    tool.write_text("import subprocess, sys, time\nsubprocess.Popen(['sleep', '600'])\n"
                    "try:\n    time.sleep(600)\nfinally:\n    time.sleep(0)\n")
    monkeypatch.setattr(commands, "ROOT", tmp_path)
    monkeypatch.setattr(commands, "GONE", 0.5)
    running = [commands.Command(Step("tool.py", ""), tmp_path, cold=True) for _ in range(2)]
    wait_until(lambda: all("sleep 600" in str(command.running()) for command in running))
    assert "sleep 600" in running[0].kill(signal.SIGKILL, 0, False).wrong
    monkeypatch.setattr(commands, "GONE", PATIENCE)
    assert "Traceback" in running[1].kill(signal.SIGINT, 0, True).wrong
    usual = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup has it
    try:
        assert commands.Command(Step("tool.py", ""), tmp_path, cold=True).kill(signal.SIGHUP, 0, False).wrong == ""
    finally:
        signal.signal(signal.SIGHUP, usual)
    made, expected = {"a": "1", "b": "2", ".c": "3"}, {"a": "1", "b": "4", "d": "5"}
    assert kills.differences(made, expected) == "\n  .c: left behind\n  b: other bytes\n  d: missing"
