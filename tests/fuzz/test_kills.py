"""A small share of kills.py, and that it tells what it should."""
import sys

import pytest

from fuzz import kills

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")


@linux
def test_killed_folds_are_as_if_they_had_never_been():
    said = []
    assert kills.kill_step("folds", 2, say=said.append) == []
    assert len(said) == 2 and said[0].startswith("folds 0: SIGKILL after ")


@linux
def test_what_stays_and_what_differs_is_told(tmp_path, monkeypatch):
    tool = tmp_path / "tools" / "tool.py"
    tool.parent.mkdir()
    tool.write_text("import subprocess, sys, time\nsubprocess.Popen(['sleep', '600'])\n"
                    "try:\n    time.sleep(600)\nfinally:\n    time.sleep(0)\n")
    monkeypatch.setattr(kills, "ROOT", tmp_path)
    monkeypatch.setattr(kills, "GONE", 0.5)
    step = kills.Step("tool.py", "", "")
    assert "sleep 600" in kills.kill(step, tmp_path, kills.SIGNALS[0], 0.5, False)
    assert "Traceback" in kills.kill(step, tmp_path, kills.SIGNALS[3], 0.5, True)
    made, expected = {"a": "1", "b": "2", ".c": "3"}, {"a": "1", "b": "4", "d": "5"}
    assert kills.differences(made, expected) == "\n  .c: left behind\n  b: other bytes\n  d: missing"
