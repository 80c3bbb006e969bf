"""Where the project's parts are, and running its commands as a user would."""
import contextlib
import io
import subprocess
import sys
from pathlib import Path
from unittest import mock

import caffe
import pytest

from pain import command

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
BVLC = ROOT / ".bvlc" / "bin"  # genuine Caffe
ENGINE = ROOT / ".venv" / "bin"  # ours
PAIN, FACE = (ROOT / "prototxt" / (name + ".prototxt") for name in ("pain_regression", "face_verification"))
# Whether this is a run under genuine Caffe's Python.
GENUINE = BVLC.parent.resolve() in Path(caffe.__file__).resolve().parents

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the authors' files are not here (../shared/data)")
needs_bvlc = pytest.mark.skipif(not (BVLC / "caffe").exists(), reason="no genuine Caffe here: `make bvlc` did not run")


def run_tool(tool, *args, python=sys.executable, **options):
    """Run tools/`tool` with these arguments; the finished process, its output as text."""
    return subprocess.run([str(python), str(ROOT / "tools" / tool), *map(str, args)], capture_output=True,
                          text=True, **options)


def run_here(main, *args):
    """What run_tool() gives of the command whose main() this is, run within this process, which saves the imports.

    For tests in which a process is not the point.
    """
    argv, status = ["tool.py", *map(str, args)], 0
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as error:
        with mock.patch.object(sys, "argv", argv), mock.patch.object(sys, "unraisablehook", sys.unraisablehook), \
                mock.patch.object(command, "ENDING", []):  # this process hears signals as before
            try:
                command.run(main)
            except SystemExit as end:
                status = end.code
    return subprocess.CompletedProcess(argv, status, out.getvalue(), error.getvalue().replace("\r", "\n"))


def assert_one_line_error(process, *parts):
    """The tool failed as a tool should: exit status 2, one line of error with all of `parts`, no traceback.

    Progress bars do not count.
    """
    lines = [line for line in process.stderr.split("\n") if line.strip() and "%|" not in line]
    assert process.returncode == 2, process.stderr
    assert len(lines) == 1 and "Traceback" not in process.stderr, process.stderr
    for part in parts:
        assert str(part) in lines[0], lines[0]
