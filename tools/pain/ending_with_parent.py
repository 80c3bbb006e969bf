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


def become(parent: int, command: Sequence[str]) -> None:
    """Become `command`, which is killed when `parent`, that started this process, has ended: by the kernel, or a watch.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            sys.exit("the process %d, that started this, has ended" % parent)
    else:
        watch_from_child(parent)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit("%s: %s" % (command[0], error.strerror))


def watch_from_child(parent: int, every: float = 1) -> None:
    """Fork a process that kills this one, whatever that becomes, within `every` seconds of the end of `parent`."""
    watched = os.getpid()
    if os.fork():
        return
    os.closerange(0, 256)  # locks, and the output that somebody reads to its end
    while os.getppid() == watched:
        try:
            os.kill(parent, 0)
        except OSError:
            os.kill(watched, signal.SIGKILL)
        time.sleep(every)
    os._exit(0)


if __name__ == "__main__":
    become(int(sys.argv[1]), sys.argv[2:])
