"""Whose turn it is, the scripts' or the engine's; and what threads are in the engine.

Callbacks, and Python layers' methods, are scripts, too. What a turn is to the values of a blob, blob.py says.

A thread in the engine may hold locks of PyTorch's, or be deep in its C++. A forked child would find them locked for
ever, and a program that ended would be aborted. Before either, all other threads are halted: where they enter the
engine, or between two layers. What holds tensors is freed in the engine, too: PyTorch gives up the GIL as it frees one,
and a thread that comes back to find the program ending would abort it.
"""
from __future__ import annotations

import contextlib
import functools
import threading
import time
import weakref
from collections.abc import Callable
from typing import TypeVar

_Function = TypeVar("_Function", bound=Callable)


class _Turns(threading.local):
    """In this thread: whose turn it is, the Memories of GPUs whose arrays scripts may hold, the last upload of one."""

    def __init__(self):
        self.scripts, self.shown = True, weakref.WeakSet()
        self.upload = None  # the event behind it: until then its array must not change


mine = _Turns()


class turn:
    """In a `with`: it is the scripts' turn, or (False) the engine's."""

    def __init__(self, scripts: bool):
        self._scripts, self._before = scripts, mine.scripts

    def __enter__(self):
        _give_turn(self._scripts)

    def __exit__(self, *error):
        _give_turn(self._before)


def _give_turn(scripts):
    if scripts == mine.scripts:
        return
    if not scripts:
        _enter()
        mine.scripts = False
        return
    try:
        if mine.upload is not None:
            mine.upload.synchronize()
            mine.upload = None
        for memory in list(mine.shown):
            memory.show()
    finally:
        mine.scripts = True
        _inside.discard(threading.get_ident())


def engines_turn(function: _Function) -> _Function:
    """Decorator: a function for scripts to call, in which it is the engine's turn."""
    @functools.wraps(function)
    def in_turn(*args, **kwargs):
        with turn(scripts=False):
            return function(*args, **kwargs)
    return in_turn


# Halting.

_inside = set()  # the threads in whose turn the engine is
_halting = threading.RLock()  # of the thread that halts the others
_halted_by = None
_may_go_on = threading.Event()


def _enter():
    me = threading.get_ident()
    _inside.add(me)
    while _halted_by not in (None, me):
        _inside.discard(me)
        _may_go_on.wait()
        _inside.add(me)


def rest() -> None:
    """Between two layers: halt, if another thread wants it."""
    if _halted_by is not None:
        _enter()


def halt() -> None:
    """Have all other threads that are in the engine, or come there, wait until go_on()."""
    global _halted_by
    _halting.acquire()
    _may_go_on.clear()
    _halted_by = me = threading.get_ident()
    while _inside - {me}:
        time.sleep(.0001)


def go_on() -> None:
    """Have the threads that halt() has halted go on."""
    global _halted_by
    _halted_by = None
    _may_go_on.set()
    _halting.release()


@contextlib.contextmanager
def others_halted():
    """In a `with`: no other thread is in the engine."""
    halt()
    try:
        yield
    finally:
        go_on()


_kept = []  # what is not to be freed while threads are halted


def free(instance: object) -> None:
    """The __del__ of a class whose instances hold tensors: it frees them in the engine, or later."""
    me = threading.get_ident()
    was_inside = me in _inside
    _inside.add(me)
    if _halted_by in (None, me):
        instance.__dict__.clear()
        _kept.clear()
    else:  # to wait here might be for ever: anything may be locked where Python frees what is not used
        _kept.append(instance.__dict__)
    if not was_inside:
        _inside.discard(me)


# One thread at a time.

_locks = weakref.WeakSet()


class Lock:
    """What one thread at a time has, as often as it likes, in a `with`. Who waits for it is out of the engine."""

    def __init__(self):
        self._lock = threading.RLock()
        _locks.add(self)

    def __enter__(self):
        if not self._lock.acquire(blocking=False):
            with turn(scripts=True):
                self._lock.acquire()

    def __exit__(self, *error):
        self._lock.release()

    def renew(self):
        """Take the lock from a thread that there is no more."""
        if self._lock.acquire(blocking=False):
            self._lock.release()
        else:
            self._lock = threading.RLock()


def alone(function: _Function) -> _Function:
    """Decorator: a method of what has a `lock`, or a function of it, that one thread at a time can be in."""
    @functools.wraps(function)
    def locked(self, *args, **kwargs):
        with self.lock:
            return function(self, *args, **kwargs)
    return locked


def forget_other_threads() -> None:
    """In a forked child: there is this thread alone."""
    _inside.intersection_update({threading.get_ident()})
    for lock in _locks:
        lock.renew()
    go_on()
