"""Processes that end when the one that started them does, however that ends: by Ctrl-C, by a signal, by kill -9."""
from __future__ import annotations

import concurrent.futures.process
import contextlib
import faulthandler
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from typing import Any, Callable, Iterator, Sequence

from pain import ending_with_parent
from pain.errors import Problem

FROM_THE_TERMINAL = "SIGINT", "SIGHUP"  # reach workers as well as their parent, who is to say what becomes of them


class Workers(concurrent.futures.ProcessPoolExecutor):
    """A ProcessPoolExecutor whose processes, started as it is given work, never see the signals of the terminal."""

    def submit(self, *args, **kwargs):
        with deaf():
            return super().submit(*args, **kwargs)


@contextlib.contextmanager
def deaf():
    """Start processes in the block that never see the signals of the terminal, nor SIGTERM until they are ready for it.

    This one sees them after the block, and SIGALRM, by which pain.command repeats them: an exception would leave a
    process or a thread half started.
    """
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    numbers = [signal.SIGTERM, signal.SIGALRM, *(getattr(signal, name) for name in FROM_THE_TERMINAL)]
    before, late, handlers = signal.pthread_sigmask(signal.SIG_BLOCK, numbers), [], {}
    try:
        if threading.current_thread() is threading.main_thread():  # whose handlers run for other threads' signals, too
            for number in filter(lambda number: callable(signal.getsignal(number)), numbers):
                handlers[number] = signal.signal(number, lambda number, _: late.append(number))
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for number in late:
            signal.raise_signal(number)


@contextlib.contextmanager
def workers(jobs: int, start: Callable | None = None, arguments: Sequence = (),
            method: str | None = None) -> Iterator[Workers]:
    """Give an executor of `jobs` worker processes that end with this one, and at once when the block raises anything.

    start(*arguments) is called in each before its first task; method: multiprocessing's, such as "spawn". Raises
    Problem when a worker dies.
    """
    with deaf():  # multiprocessing has a process of its own, too
        pool = Workers(jobs, multiprocessing.get_context(method), _start_worker, (start, arguments))
    with pool:
        try:
            yield pool
        except concurrent.futures.process.BrokenProcessPool:
            raise Problem("a worker process died, perhaps for want of memory; run the command again with fewer --jobs "
                          "to go on") from None
        except BaseException:
            for process in list(pool._processes.values()):
                process.kill()
            pool._result_queue._writer.close()  # or the rest of a result is waited for that a worker was sending
            raise


def _start_worker(start, arguments):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    ending_with_parent.have_the_kernel_kill_this()
    threading.Thread(target=_end_with_parent, daemon=True).start()  # where it does not; a parent that has ended already
    if start:
        start(*arguments)


def _end_with_parent():
    multiprocessing.parent_process().join()
    os._exit(1)


class Crashed(Exception):
    """A process died of what it was given."""


def call_apart(function: Callable, *arguments, memory: int | None = 4 << 30):
    """function(*arguments) in a copy of this process: for libraries that crash, or take all memory, on damaged files.

    What goes there and comes back must be picklable. memory: bytes that it may take, besides what this process has,
    and map; None: as many as there are. Raises what the function raises, and Crashed. On systems that cannot copy a
    process, it is called in this one.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        return function(*arguments)
    with workers(1, _expect_the_worst, [memory], method="fork") as pool:
        try:
            return pool.submit(function, *arguments).result()
        except concurrent.futures.process.BrokenProcessPool:
            raise Crashed("the process that read it crashed") from None


def _expect_the_worst(memory):
    import resource
    faulthandler.disable()  # a crash here is nothing to talk of
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory is not None and sys.platform.startswith("linux"):
        with open("/proc/self/statm") as file:
            most = int(file.read().split()[0]) * resource.getpagesize() + memory
        limit = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (most if limit == resource.RLIM_INFINITY else min(most, limit), limit))


def ending_with_this(command: Sequence[str]) -> list[str]:
    """The command that runs `command`, a list of words, such that it ends when this process does, or else by itself.

    It is to be started in a session of its own, by a thread that lives as long: on Linux a thread's end counts as its
    process's.
    """
    return [sys.executable, "-S", ending_with_parent.__file__, str(os.getpid()), *command]


@contextlib.contextmanager
def running(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen]:
    """Give the process of a command, in a session of its own, which is interrupted, as by Ctrl-C, if the block raises.

    options: subprocess.Popen's. It ends with this process, however that ends.
    """
    process = subprocess.Popen(ending_with_this(command), start_new_session=True, **options)
    try:
        yield process
    except BaseException:
        signal_all(process, signal.SIGINT)
        process.wait()
        raise


def call(command: Sequence[str]) -> int:
    """The exit status of a command that is running() until it ends."""
    with running(command) as process:
        return process.wait()


def signal_all(process: subprocess.Popen, number: int) -> None:
    """Send a signal to a process in a session of its own and all that it has started there, as a terminal does."""
    if process.poll() is None:
        os.killpg(process.pid, number)
