"""temporary.py: what a kill leaves among the temporary files is removed by the next of its kind, and nothing else."""
import contextlib
import os
import re
import subprocess
import sys
import tempfile
from unittest import mock

import pytest

from pain import temporary
from pain.locks import locked
from pain.temporary import temporary_folder
from support.project import ROOT

HOLDER = """
import sys
from pain.temporary import temporary_folder
with temporary_folder("x") as folder:
    (folder / "file").write_bytes(b"half")
    print(folder, flush=True)
    sys.stdin.read()
"""
ANYWHERE = re.compile(r"tempfile\.(TemporaryDirectory|NamedTemporaryFile|mkdtemp|mkstemp)\((?!\s*dir=)")


def test_what_a_kill_leaves_goes_with_the_next(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          cwd=str(ROOT / "tools"), env=dict(os.environ, TMPDIR=str(tmp_path))) as holder:
        holder.stdout.readline()
        held, = tmp_path.iterdir()
        with mock.patch.object(tempfile, "tempdir", str(tmp_path)):
            with temporary_folder("x") as ours:
                assert set(tmp_path.iterdir()) == {held, ours} and (held / "file").exists()
            holder.kill()
            holder.wait()
            with temporary_folder("y") as others:
                assert set(tmp_path.iterdir()) == {held, others}
            with temporary_folder("x") as ours, temporary_folder("x") as another:
                assert set(tmp_path.iterdir()) == {ours, another}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("kill", [True, False])
def test_a_kill_before_it_is_given(tmp_path, monkeypatch, kill, before):
    def killed(path):
        if not before:
            os.close(locked(path))
        raise KeyboardInterrupt
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with mock.patch.object(temporary, "locked", killed), pytest.raises(KeyboardInterrupt), contextlib.ExitStack() as at:
        if kill:
            at.enter_context(mock.patch.object(temporary, "remove"))
        with temporary_folder("x"):
            pass
    assert len(list(tmp_path.iterdir())) == kill
    with temporary_folder("x") as ours:
        assert list(tmp_path.iterdir()) == [ours]


@pytest.mark.parametrize("late", [False, True])
def test_another_takes_it_for_an_orphan_before_it_is_locked(tmp_path, monkeypatch, late):
    def slowly_locked(path):
        monkeypatch.setattr(temporary, "locked", locked)
        if late:
            os.close(os.open(str(path), os.O_CREAT))
        temporary.remove_orphans("x")
        return locked(path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(temporary, "locked", slowly_locked)
    with temporary_folder("x") as ours:
        assert list(tmp_path.iterdir()) == [ours] and (ours / temporary.LOCK).exists()


def test_there_is_no_other_folder_among_the_temporary_files():
    """But those within one that is given."""
    assert [path for path in (ROOT / "tools").rglob("*.py") if ANYWHERE.search(path.read_text())] == []
