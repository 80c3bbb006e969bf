"""A command that is started, watched, and killed."""
import atexit
import contextlib
import importlib
import os
import random
import re
import signal
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import NamedTuple

from pain.command import end_at_once, run
from pain.ending_with_parent import have_the_kernel_kill_this
from pain.faces.detector import patched_mtcnn, set_up_tensorflow
from support.project import ROOT

SIGNALS = signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT
MARK = "KILLED_AT_RANDOM"  # an environment variable, by which whatever a command has started is found
GONE = 10  # seconds after a kill, not counting those in which the machine was too busy to let it run
# What Python says of Ctrl-C before it runs any line of ours: as it begins itself, or compiles the command's file.
PYTHON_BEGINS = re.compile(r"Fatal Python error: init_|\ATraceback.*\n  File .*, line 0, in <module>\nKeyb")
FIND_FACES = "predict_video", "app"  # themselves, and not their workers


class Ended(NamedTuple):
    """How a command ended: its status, None when it was killed; how long it took to; what is wrong, or ""."""
    status: int
    seconds: float
    wrong: str


class Command:
    """A command of a Step, running in `folder` in a session of its own, its signals as a process usually has them.

    cold: whether it is started as people do, not forked.
    """

    def __init__(self, step, folder, cold=False):
        self.mark, self.error, self.status = "%d-%s" % (os.getpid(), random.random()), tempfile.TemporaryFile(), None
        temporary = folder / "tmp"
        temporary.mkdir(exist_ok=True)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS[1:])  # this process may ignore some, as nohup has it
        self.cold, self.begun, self.pid = cold, time.monotonic(), os.fork()
        if self.pid:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        else:
            try:
                have_the_kernel_kill_this()  # where this process gives it up
                os.setsid()
                os.chdir(str(folder))
                os.environ.update({MARK: self.mark, "TMPDIR": str(temporary)})
                tempfile.tempdir = None
                for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), os.open(os.devnull, os.O_WRONLY),
                                               self.error.fileno())):
                    os.dup2(file, number)
                for number in SIGNALS[1:]:
                    signal.signal(number, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS[1:])
                tool = str(ROOT / "tools" / step.tool)
                if cold:
                    os.execv(sys.executable, [sys.executable, tool, *step.arguments.split()])
                be_the_command(tool, step.arguments.split())
            finally:
                os._exit(70)

    def wait(self, seconds):
        """The status with which it ends within so many seconds, or None."""
        deadline = time.monotonic() + seconds
        while self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > deadline:
                break
            else:
                time.sleep(0.005)
        return self.status

    def said(self):
        """What it has said on stderr."""
        self.error.seek(0)
        return self.error.read().decode("utf-8", "backslashreplace")

    def running(self):
        """Those of its session, or that were started with its mark, which have not ended: {number: command}."""
        running, mark = {}, ("%s=%s" % (MARK, self.mark)).encode()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                state, _, _, session = (process / "stat").read_text().rpartition(")")[2].split()[:4]
                if state not in "ZX" and (int(session) == self.pid
                                          or mark in (process / "environ").read_bytes().split(b"\0")):
                    running[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return running

    def kill(self, number, after, group, all_of_it=False):
        """Kill it `after` seconds, or all_of_it at once. Returns how it Ended; without a status, unless it was quicker.
        """
        status = self.wait(after)
        for pid in self.running() if all_of_it else ():
            os.kill(pid, number)
        if status is None and not all_of_it:
            try:
                (os.killpg if group else os.kill)(self.pid, number)
            except ProcessLookupError:  # it has not yet a group
                os.kill(self.pid, number)
        killed, left, seconds, before = time.monotonic(), {self.pid}, 0., queued({self.pid})
        while left and seconds < GONE:
            self.wait(0.05)
            left = self.running()
            before.update((process, time) for process, time in queued(left).items() if process not in before)
            seconds = time.monotonic() - killed - max(
                [time - before[process] for process, time in queued(left).items() if process in before], default=0)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        self.wait(GONE)
        error = self.said()
        traced = "Traceback" in error and not PYTHON_BEGINS.search(error)
        wrong = "still running: %s\n%s" % (left, error[-2000:]) if left else error if traced or status else ""
        return Ended(status, seconds, wrong)


def queued(processes):
    """How long the threads of processes have stood in the queue for a core so far, {thread: seconds}."""
    seconds = {}
    for thread in (thread for pid in processes for thread in Path("/proc/%d/task" % pid).glob("*")):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            seconds[thread.name] = int((thread / "schedstat").read_text().split()[1]) / 1e9
    return seconds


def be_the_command(tool, arguments):
    """What the process of a command does that is forked; it ends there, as Python ends."""
    status = 0
    try:
        signal.signal(signal.SIGINT, end_at_once)  # as starting() has it
        sys.argv, sys.stdin = [tool, *arguments], open(0, closefd=False)
        sys.stdout, sys.stderr = (open(number, "w", buffering=1, closefd=False, errors="backslashreplace")
                                  for number in (1, 2))
        module = sys.modules["__main__"] = imported(tool)
        module.__spec__ = None  # so that multiprocessing finds it by its file
        module.main.__module__ = "__main__"
        run(module.main)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
        status = 1
    finally:
        try:
            threading._shutdown()
            atexit._run_exitfuncs()
        except BaseException:
            traceback.print_exc()
        os._exit(status)


def imported(tool):
    """The module of a command's file, all that it needs imported."""
    name = Path(tool).stem
    if name in FIND_FACES:
        set_up_tensorflow(1)
        patched_mtcnn()
    return importlib.import_module(name)
