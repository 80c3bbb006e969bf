"""Run a command that ends when the process that started this one does.

    python ending_with_parent.py PARENT COMMAND ARGUMENT ...      PARENT: the number of that process
"""
from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from typing import Sequence

PR_SET_PDEATHSIG = 1  # of Linux's prctl()


def have_the_kernel_kill_this() -> None:
    """Have this process killed when the thread of its parent that has started it ends, where it is Linux."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def become(parent: int, command: Sequence[str]) -> None:
    """Become `command`, which ends when `parent`, that started this process in a session of its own, has ended.

    The kernel then kills it at once, where it is Linux; and within a second a watch kills it with all of its group, for
    the command may be a script that has started another.
    """
    have_the_kernel_kill_this()
    if os.getppid() != parent:
        sys.exit("the process %d, that started this, has ended" % parent)
    watched = os.getpid()
    if not os.fork():
        watch(parent, watched)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit("%s: %s" % (command[0], error.strerror))


def watch(parent: int, watched: int, every: float = 1) -> None:
    """Kill the group of the process `watched` when `parent` has ended. Ends with either."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.closerange(0, 256)  # locks, and the output that somebody reads to its end
    while is_there(parent):
        if os.getppid() != watched:
            os._exit(0)
        time.sleep(every)
    os.killpg(watched, signal.SIGKILL)


def is_there(process: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(process, 0)
    except OSError:  # there is none; it is someone else's by now
        return False
    return True


if __name__ == "__main__":
    become(int(sys.argv[1]), sys.argv[2:])
