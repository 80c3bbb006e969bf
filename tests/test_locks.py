"""locks.py and leases.py: one holder at a time, and none after a holder's end."""
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from pain import leases, locks
from pain.errors import Problem
from pain.files import replacing
from pain.leases import leased
from pain.locks import alone_in, locked
from support.processes import PATIENCE, wait_until
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


@pytest.fixture
def hurried(monkeypatch):
    """Leases that are renewed often."""
    monkeypatch.setattr(leases, "EVERY", 0.05)


def test_where_there_are_no_locks_the_lease_keeps_others_out(tmp_path, monkeypatch, hurried):
    def flock(*_):
        raise OSError(38, "Function not implemented")
    monkeypatch.setattr(locks.fcntl, "flock", flock)
    with alone_in(tmp_path) as lock:
        assert lock == []
        with pytest.raises(Problem, match="another process is at work here, number %d on " % os.getpid()):
            with alone_in(tmp_path):
                pass
    with alone_in(tmp_path):
        pass
    assert os.listdir(str(tmp_path)) == []


def lease_of_another_machine(folder, beat=0):
    (folder / ".lease").write_text(json.dumps(
        {"host": "far", "machine": "other", "process": 7, "id": "x", "beat": beat}))


def test_another_machine_that_renews_its_lease_keeps_others_out(tmp_path, hurried):
    lease_of_another_machine(tmp_path)
    stop = threading.Event()

    def renew():
        beat = 0
        while not stop.wait(0.01):
            beat += 1
            with replacing(tmp_path / "renewed") as partial:
                partial.write_text((tmp_path / ".lease").read_text().replace('"beat": ', '"beat": %d' % beat))
            os.replace(str(tmp_path / "renewed"), str(tmp_path / ".lease"))
    thread = threading.Thread(target=renew)
    thread.start()
    try:
        with pytest.raises(Problem, match="at work here, number 7 on far; wait"), alone_in(tmp_path):
            pass
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("content", [None, "", "{", '{"id": "y"}'])
def test_a_lease_that_is_not_renewed_is_taken_over(content, tmp_path, monkeypatch, hurried, capsys):
    monkeypatch.setattr(leases, "STALE", 0.2)
    if content is None:
        lease_of_another_machine(tmp_path)
    else:
        (tmp_path / ".lease").write_text(content)
    with alone_in(tmp_path):
        holder = json.loads((tmp_path / ".lease").read_text())
        assert (holder["process"], holder["machine"]) == (os.getpid(), leases.this_machine())
    assert os.listdir(str(tmp_path)) == []
    assert capsys.readouterr().err.count(": waiting up to 0 seconds, to see whether ") == 1


def test_of_many_that_find_a_stale_lease_one_takes_it(tmp_path, monkeypatch, hurried):
    """Holders on as many machines, whom no lock keeps apart, and for all of whom it becomes stale at once.

    What they read is old news when they act on it.
    """
    hours, inside, most, refused, read = [0], [], [], [], leases.Lease.read
    monkeypatch.setattr(leases, "time", SimpleNamespace(monotonic=lambda: 3600 * hours[0], sleep=time.sleep))

    def read_slowly(self):
        found = read(self)
        time.sleep(random.random() / 50)
        return found
    monkeypatch.setattr(leases.Lease, "read", read_slowly)
    lease_of_another_machine(tmp_path)

    def work(number):
        try:
            with leased(tmp_path / ".lease", False):
                inside.append(number)
                most.append(len(inside))
                wait_until(lambda: len(refused) == 7)
                inside.remove(number)
        except leases.Occupied:
            refused.append(number)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    hours[0] = 1
    for thread in threads:
        thread.join()
    assert most == [1] and len(refused) == 7 and os.listdir(str(tmp_path)) == []


def test_one_who_died_taking_a_lease_over_keeps_nobody_out(tmp_path, monkeypatch, hurried):
    monkeypatch.setattr(leases, "STALE", 0.2)
    lease_of_another_machine(tmp_path)
    (tmp_path / ".lease.x").write_text('{"id": "y", "machine": "third"}')
    with alone_in(tmp_path):
        assert json.loads((tmp_path / ".lease").read_text())["process"] == os.getpid()
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.parametrize("take", [lease_of_another_machine, lambda folder: (folder / ".lease").unlink()])
def test_a_holder_hears_that_its_folder_was_taken_over(take, tmp_path, hurried):
    lost = threading.Event()
    with alone_in(tmp_path, lost.set):
        assert not lost.wait(0.2)
        take(tmp_path)
        assert lost.wait(PATIENCE)
    assert (tmp_path / ".lease").exists() == (take is lease_of_another_machine)
