"""temporary.py: what a kill leaves among the temporary files is removed by the next of its kind, and nothing else."""
import os
import re
import subprocess
import sys
import tempfile
from unittest import mock

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


def test_there_is_no_other_folder_among_the_temporary_files():
    """But those within one that is given."""
    assert [str(path) for path in (ROOT / "tools").rglob("*.py") if ANYWHERE.search(path.read_text())] == [
        str(ROOT / "tools/pain/temporary.py")]
