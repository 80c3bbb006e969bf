"""locks.py: one holder at a time, and none after a holder's end."""
import os
import subprocess
import sys

import pytest

from pain.locks import locked
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
