"""processes.py and ending_with_parent.py: nothing outlives who started it."""
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from pain.errors import Problem
from pain.processes import Crashed, call_apart, deaf, workers
from support.processes import PATIENCE, is_running, started, wait_until
from support.project import ROOT

PAIN = dict(os.environ, PYTHONPATH=str(ROOT / "tools"))  # an environment in which pain can be imported


IN_WORKERS = """
import os, re, sys, time
from pain.command import run
from pain.processes import workers

def be_busy(_):
    os.write(1, b"%d\\n" % os.getpid())  # at once, so that two do not mix
    if sys.platform.startswith("linux"):  # and let no other thread run
        re.match("(a+)+$", 60 * "a" + "b")
    time.sleep(600)

def main():
    with workers(2, method=sys.argv[1]) as pool:
        list(pool.map(be_busy, range(2)))

if __name__ == "__main__":
    run(main)
"""


@pytest.mark.parametrize("method, number", [("fork", signal.SIGKILL), ("fork", signal.SIGTERM), ("fork", signal.SIGINT),
                                            ("spawn", signal.SIGKILL), ("spawn", signal.SIGHUP)])
def test_workers_end_with_their_parent(tmp_path, usual_signals, method, number):
    (tmp_path / "tool.py").write_text(IN_WORKERS)
    with started(sys.executable, tmp_path / "tool.py", method, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                 env=PAIN, start_new_session=True) as parent:
        pids = [int(parent.stdout.readline()) for _ in range(2)]
        assert len({parent.pid, *pids}) == 3 and all(map(is_running, pids))
        if number == signal.SIGHUP:  # from a terminal, which sends it to all
            os.killpg(parent.pid, number)
        else:
            parent.send_signal(number)
        error = parent.communicate(timeout=PATIENCE)[1]
    if number == signal.SIGKILL:
        assert parent.returncode == -number
    else:
        assert (parent.returncode, error) == (130, "tool.py: interrupted; run the same command again to go on\n")
    wait_until(lambda: not any(map(is_running, pids)))


TOLD_AT_BIRTH = """
import os, signal
from pain.command import run
from pain.processes import workers

def main():
    os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGTERM))
    with workers(1, method="fork") as pool:
        pool.submit(abs, 1).result()

run(main)
"""


def test_a_worker_that_is_told_to_end_before_it_begins_says_nothing(tmp_path, usual_signals):
    (tmp_path / "tool.py").write_text(TOLD_AT_BIRTH)
    done = subprocess.run([sys.executable, str(tmp_path / "tool.py")], capture_output=True, text=True, env=PAIN)
    assert done.returncode == 2 and done.stderr.startswith("tool.py: a worker process died")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM])
def test_no_signal_comes_between_while_a_process_is_started(number):
    """Nor one that another thread is given, such as that of a progress bar."""
    heard, over = [], threading.Event()
    other = threading.Thread(target=over.wait)
    usual = signal.signal(number, lambda number, _: heard.append(number))
    try:
        other.start()
        with deaf():
            signal.pthread_kill(other.ident, number)
            time.sleep(0.02)
            assert heard == []
        wait_until(lambda: heard == [number])
    finally:
        signal.signal(number, usual)
        over.set()
        other.join()


def test_a_worker_that_dies_is_one_line():
    with pytest.raises(Problem, match="a worker process died.* fewer --jobs"), workers(1) as pool:
        pool.submit(os._exit, 1).result()


def test_what_a_block_raises_ends_its_workers_at_once():
    with pytest.raises(KeyError), workers(1) as pool:
        pool.submit(re.match, "(a+)+$", 60 * "a" + "b")  # for years, and no other thread runs
        raise KeyError


HALF_A_RESULT = """
import os, time
from multiprocessing.connection import Connection
from pain.processes import workers

whole, (reader, writer) = Connection._send, os.pipe()

def half(self, content, *rest):
    whole(self, content if len(content) < 1 << 20 else content[:1000], *rest)
    if len(content) >= 1 << 20:
        os.write(writer, b"x")
        time.sleep(600)

Connection._send = half
try:
    with workers(1, method="fork") as pool:
        pool.submit(bytes, 2 << 20)
        os.read(reader, 1)
        raise KeyError
except KeyError:
    print("ended")
"""


def test_half_a_result_is_not_waited_for():
    with started(sys.executable, "-c", HALF_A_RESULT, stdout=subprocess.PIPE, env=PAIN) as parent:
        assert parent.communicate(timeout=PATIENCE)[0].strip() in ("ended", b"ended")


def too_much():
    return len(bytearray(8 << 30))


@pytest.mark.parametrize("function, error", [(os.abort, Crashed), (too_much, MemoryError), (abs, TypeError)])
def test_what_is_called_apart_may_crash_and_take_all_memory(function, error):
    assert call_apart(sum, [1, 2]) == 3
    with pytest.raises(error):
        call_apart(function)


STARTS_A_COMMAND = """
import os, subprocess, sys, time
from pain.processes import ending_with_this
command = ending_with_this(["sh", "-c", "echo $$; sleep 600 & echo $!; wait"])
if sys.argv[1] == "watched":
    become = "import sys; from pain.ending_with_parent import *; sys.platform = 'another'; become(%d, sys.argv[1:])"
    command[1:4] = ["-c", become % os.getpid()]
subprocess.Popen(command, start_new_session=True)
time.sleep(600)
"""


@pytest.mark.parametrize("how", [pytest.param("by the kernel", marks=pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="prctl is Linux's")), "watched"])
def test_a_command_and_what_it_has_started_end_with_who_started_it(how):
    with started(sys.executable, "-c", STARTS_A_COMMAND, how, stdout=subprocess.PIPE, env=PAIN) as parent:
        pids = [int(parent.stdout.readline()) for _ in range(2)]
        assert all(map(is_running, pids))
    wait_until(lambda: not any(map(is_running, pids)))


def test_a_command_that_ends_by_itself_is_what_it_was():
    done = subprocess.run([sys.executable, "-c", "import os; from pain.ending_with_parent import become\n"
                           "become(os.getppid(), ['sh', '-c', 'echo x; exit 7'])"], stdout=subprocess.PIPE, text=True,
                          env=PAIN, start_new_session=True)
    assert (done.returncode, done.stdout) == (7, "x\n")


def test_a_command_that_is_not_there_is_said():
    done = subprocess.run([sys.executable, ROOT / "tools/pain/ending_with_parent.py", str(os.getpid()), "/no/such"],
                          stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "/no/such: No such file or directory\n")


STARTS_ANOTHER = """
import sys, time
from pain.command import run
from pain.processes import call

def main():
    call(["sh", "-c", "trap 'echo interrupted; exit' INT; echo ready; while :; do sleep 0.1; done"])

run(main)
"""


def test_what_is_running_is_interrupted_with_this(usual_signals):
    with started(sys.executable, "-c", STARTS_ANOTHER, stdout=subprocess.PIPE, env=PAIN) as tool:
        assert tool.stdout.readline() == "ready\n"
        tool.send_signal(signal.SIGTERM)
        assert tool.communicate(timeout=PATIENCE)[0] == "interrupted\n" and tool.returncode == 130
