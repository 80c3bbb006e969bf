"""private_folder.py: people's videos do not outlive their server, however it ends."""
import os
import signal
import subprocess
import sys
import tempfile
from unittest import mock

import pytest

from pain.page import private_folder
from support.pages import wait
from support.project import ROOT

SERVER = """
import sys
from pain.page import private_folder
private_folder.KEEPER = sys.argv[1] or private_folder.KEEPER
with private_folder.private_folder() as folder:
    (folder / "job").mkdir()
    (folder / "job" / "video").write_bytes(b"a face")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path):
    with mock.patch.object(tempfile, "tempdir", str(tmp_path)):
        yield tmp_path


def start(temporary, keeper=""):
    """A process that has a private folder, with or without its keeper, until its input ends; and the folder's path."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, keeper], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        stderr=subprocess.DEVNULL, env=dict(os.environ, TMPDIR=str(temporary)), cwd=str(ROOT / "tools"))
    return process, temporary / os.path.basename(process.stdout.readline().decode().strip())


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT, None])
def test_nothing_is_left_at_its_end(temporary, how, usual_signals):
    process, folder = start(temporary)
    with process:
        assert (folder / "job" / "video").exists() and folder.stat().st_mode & 0o777 == 0o700
        if how:
            os.killpg(process.pid, how)
    wait(lambda: not list(temporary.iterdir()))


def test_the_next_server_removes_what_a_power_cut_leaves_and_nothing_else(temporary):
    (living, lives), (dead, orphan) = start(temporary), start(temporary, "exit")
    with living:
        with dead:
            dead.kill()
        for name in "pain-page-notes", "pain-page-0", "other":
            (temporary / name).mkdir()
            (temporary / name / "mine").write_text("mine")
        (temporary / "pain-page-link").symlink_to(temporary / "other")
        (temporary / "pain-page-file").write_text("mine")
        before = {path.name for path in temporary.iterdir()}
        with private_folder.private_folder() as ours:
            assert {path.name for path in temporary.iterdir()} == before - {orphan.name} | {ours.name}
            with private_folder.private_folder():
                assert ours.exists()
            assert (lives / "job" / "video").exists()
