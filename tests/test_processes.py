"""processes.py and ending_with_parent.py: nothing outlives who started it."""
import os
import signal
import subprocess
import sys
import time

import pytest

from pain.errors import Problem
from pain.processes import workers
from support.project import ROOT

PATIENCE = 20  # seconds, on a machine that is busy


def start(code, *arguments):
    """Start Python on these lines, which can import pain. Its output is read from .stdout."""
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True,
                            env=dict(os.environ, PYTHONPATH=str(ROOT / "tools")), start_new_session=True)


def is_running(pid):
    """Whether there is a process of this number that is no zombie."""
    try:
        return subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], stdout=subprocess.PIPE).stdout.strip()[:1] not in (
            b"", b"Z")
    except OSError:
        return False


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


IN_WORKERS = """
import os, sys, time
from pain.command import run
from pain.processes import workers

def sleep(_):
    print(os.getpid(), flush=True)
    time.sleep(600)

def main():
    with workers(2, method=sys.argv[1]) as pool:
        list(pool.map(sleep, range(2)))

if __name__ == "__main__":
    run(main)
"""


@pytest.mark.parametrize("method, number", [("fork", signal.SIGKILL), ("fork", signal.SIGTERM), ("fork", signal.SIGINT),
                                            ("spawn", signal.SIGKILL), ("spawn", signal.SIGHUP)])
def test_workers_end_with_their_parent(tmp_path, usual_signals, method, number):
    (tmp_path / "tool.py").write_text(IN_WORKERS)
    parent = subprocess.Popen([sys.executable, str(tmp_path / "tool.py"), method], stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.PIPE, env=dict(os.environ, PYTHONPATH=str(ROOT / "tools")))
    pids = [int(parent.stdout.readline()) for _ in range(2)]
    assert len({parent.pid, *pids}) == 3 and all(map(is_running, pids))
    parent.send_signal(number)
    error = parent.communicate(timeout=PATIENCE)[1]
    if number == signal.SIGKILL:
        assert parent.returncode == -number
    else:
        assert (parent.returncode, error) == (130, "tool.py: interrupted; run the same command again to go on\n")
    wait_until(lambda: not any(map(is_running, pids)))


def test_a_worker_that_dies_is_one_line():
    with pytest.raises(Problem, match="a worker process died.* fewer --jobs"), workers(1) as pool:
        pool.submit(os._exit, 1).result()


def test_what_a_block_raises_ends_its_workers_at_once():
    start = time.monotonic()
    with pytest.raises(KeyError), workers(1) as pool:
        pool.submit(time.sleep, 600)
        raise KeyError
    assert time.monotonic() - start < 600


STARTS_A_COMMAND = """
import os, subprocess, sys, time
from pain import ending_with_parent
from pain.processes import ending_with_this
if sys.argv[1] == "watched":
    become = "import sys; from pain.ending_with_parent import *; sys.platform = 'another'; become(%d, sys.argv[1:])"
    command = [sys.executable, "-c", become % os.getpid()]
else:
    command = ending_with_this([])
print(subprocess.Popen([*command, "sleep", "600"], start_new_session=True).pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("how", [pytest.param("by the kernel", marks=pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="prctl is Linux's")), "watched"])
def test_a_command_ends_with_who_started_it(how):
    parent = start(STARTS_A_COMMAND, how)
    pid = int(parent.stdout.readline())
    wait_until(lambda: "sleep" in subprocess.run(["ps", "-o", "comm=", "-p", str(pid)], capture_output=True,
                                                 text=True).stdout)
    parent.kill()
    parent.wait()
    wait_until(lambda: not is_running(pid))
    parent.stdout.close()


@pytest.mark.parametrize("watched", [False, True])
def test_a_command_that_ends_by_itself_is_what_it_was(watched):
    process = start("import os, sys; from pain.ending_with_parent import become\n%s\n"
                    "become(os.getppid(), ['sh', '-c', 'echo x; exit 7'])" % ("sys.platform = 'another'" * watched))
    assert process.communicate(timeout=PATIENCE)[0] == "x\n" and process.returncode == 7


def test_a_command_that_is_not_there_is_said():
    done = subprocess.run([sys.executable, ROOT / "tools/pain/ending_with_parent.py", str(os.getpid()), "/no/such"],
                          stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "/no/such: No such file or directory\n")
