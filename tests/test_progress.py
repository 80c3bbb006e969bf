"""progress.py: tqdm itself on a terminal, whole lines now and then in a log."""
import fcntl
import os
import re
import struct
import subprocess
import sys
import termios

import pytest
from tqdm import tqdm

from pain import progress as module
from pain.progress import progress
from support.project import ROOT

LINE = re.compile(r"align: +(\d+)%\|[#0-9 ]+\| (\d+)/(\d+) \[")


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still unless it is advanced: clock(seconds)."""
    now = [1000.0]

    def advance(seconds):
        now[0] += seconds

    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return advance


def lines_of(text):
    assert "\r" not in text and text.endswith("\n")
    return [LINE.match(line).groups() for line in text.splitlines()]


def test_a_log_has_a_line_every_half_minute_and_the_last_one(clock, capsys):
    for _ in progress(range(100), desc="align", unit="frame"):
        clock(1)
    assert lines_of(capsys.readouterr().err) == [
        ("30", "30", "100"), ("60", "60", "100"), ("90", "90", "100"), ("100", "100", "100")]


def test_thousands_of_steps_in_no_time_are_one_line(clock, capsys):
    with progress(total=5000, desc="align") as bar:
        for _ in range(5000):
            bar.update()
    assert lines_of(capsys.readouterr().err) == [("100", "5000", "5000")]


def test_the_rate_counts_what_was_done_here(clock, capsys):
    with progress(total=1000, initial=900, desc="align", unit="frame") as bar:
        clock(50)
        bar.update(100)
    assert all("100%" in line and "2.00frame/s" in line for line in capsys.readouterr().err.splitlines())


def test_work_that_fails_says_how_far_it_came(clock, capsys):
    with pytest.raises(ZeroDivisionError):
        for i in progress(range(3), desc="align"):
            1 / (1 - i)
    assert lines_of(capsys.readouterr().err) == [("33", "1", "3")]


def test_without_a_total_it_counts(clock, capsys):
    assert list(progress(iter("abc"), unit="letter")) == ["a", "b", "c"]
    assert capsys.readouterr().err.startswith("3letter [")


@pytest.mark.parametrize("options", [dict(leave=False), dict(disable=True)])
def test_what_is_not_to_be_left_leaves_nothing(clock, capsys, options):
    assert list(progress(range(5), **options)) == [0, 1, 2, 3, 4]
    assert capsys.readouterr().err == ""


def test_on_a_terminal_it_is_tqdm(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress(total=3, desc="align") as bar:
        assert type(bar) is tqdm


SCRIPT = "from pain.progress import progress; list(progress(range(3), desc='align'))"


def test_stderr_decides_and_nothing_else():
    """Of a real process: stderr a pseudo-terminal, then a pipe."""
    leader, follower = os.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    environment = dict(os.environ, PYTHONPATH=str(ROOT / "tools"))
    subprocess.run([sys.executable, "-c", SCRIPT], stderr=follower, stdout=subprocess.PIPE, env=environment, check=True)
    os.close(follower)
    said = b""
    try:
        while True:
            said += os.read(leader, 1000)
    except OSError:  # Linux's end of a pseudo-terminal
        os.close(leader)
    assert said.count(b"\r") >= 2 and b"3/3" in said
    logged = subprocess.run([sys.executable, "-c", SCRIPT], stderr=subprocess.PIPE, env=environment, check=True)
    assert lines_of(logged.stderr.decode()) == [("100", "3", "3")]
