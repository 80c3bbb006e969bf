"""locks.py: one holder at a time, and none after a holder's end."""
import os
import signal
import subprocess
import sys

import pytest

from pain import locks
from pain.errors import Problem
from pain.locks import alone_in, locked
from support.processes import PATIENCE
from support.project import ROOT

HOLDER = "import sys\nfrom pain.locks import locked\nprint(locked(sys.argv[1]) is not None, flush=True)\ninput()"


@pytest.mark.parametrize("name", ["", "lock"])  # a folder; a file that is not there yet
def test_one_holder_at_a_time_and_none_after_kill_9(tmp_path, name):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / name)], cwd=str(ROOT / "tools"),
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with holder:
        assert holder.stdout.readline() == b"True\n" and locked(tmp_path / name) is None
        holder.kill()
    handle = locked(tmp_path / name)
    assert handle is not None and locked(tmp_path / name) is None
    os.close(handle)
    os.close(locked(tmp_path / name))


def test_what_cannot_be_locked(tmp_path):
    with pytest.raises(OSError):
        locked(tmp_path / "no" / "lock")


ALONE = """import subprocess, sys
from pain.locks import alone_in
with alone_in(sys.argv[1]) as lock:
    print(subprocess.Popen(["sleep", "600"], pass_fds=lock, stdout=subprocess.DEVNULL).pid, flush=True)
    input()
"""


def test_a_folder_is_one_holder_s_and_of_what_it_has_started(tmp_path, monkeypatch):
    folder = tmp_path / "new" / "folder"
    monkeypatch.setattr(locks, "PATIENCE", 0.1)
    with subprocess.Popen([sys.executable, "-c", ALONE, str(folder)], cwd=str(ROOT / "tools"), stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as holder:
        child = int(holder.stdout.readline())
        for killed in (lambda: None, holder.kill):
            killed()
            with pytest.raises(Problem, match="folder: another process is at work here; wait"):
                with alone_in(folder):
                    pass
    monkeypatch.setattr(locks, "PATIENCE", PATIENCE)
    os.kill(child, signal.SIGKILL)
    for _ in range(2):
        with alone_in(folder) as lock:
            assert locked(folder / ".lock") is None and len(lock) == 1
        assert os.listdir(str(folder)) == []


def test_the_lock_of_a_file_that_is_gone_is_none(tmp_path):
    with alone_in(tmp_path):
        waiting = os.open(str(tmp_path / ".lock"), os.O_RDWR)
    with alone_in(tmp_path):
        assert not locks.is_at(tmp_path / ".lock", waiting)
    assert not locks.is_at(tmp_path / ".lock", waiting)
    os.close(waiting)


def test_where_there_are_no_locks_nobody_is_kept_out(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(38, "Function not implemented")
    monkeypatch.setattr(locks.fcntl, "flock", flock)
    with alone_in(tmp_path) as lock, alone_in(tmp_path):
        assert lock == []
