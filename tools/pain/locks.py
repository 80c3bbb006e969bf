"""Locks that end with their holder, however it ends: the kernel's, on an open file, not that a file is there."""
import contextlib
import os
import time
from pathlib import Path

from pain.leases import NAME as LEASE
from pain.leases import Occupied, leased

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

NAME = ".lock"
OF_A_HOLDER = NAME, LEASE  # the files in a folder in which somebody is at work
PATIENCE = 10  # seconds, in which those whose parent was killed have ended as well


def locked(path):
    """Lock the folder or file `path`, a file that is made if need be, against every other holder.

    Returns what to os.close() to unlock it, or None while somebody else has it. The end of this process, be it by
    kill -9 or a power cut, unlocks it, too; a program that it has started does not hold it, a fork does. Raises
    OSError, also where the file system knows no locks. On Windows nothing is locked.
    """
    handle = os.open(str(path), os.O_RDONLY if os.path.isdir(str(path)) else os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if fcntl:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError:
        os.close(handle)
        raise
    return handle


@contextlib.contextmanager
def alone_in(folder, lost=None):
    """Be the only one to work in `folder`, made if missing, on all machines that share it. Raises Occupied otherwise.

    Gives a list of what a program that is started here is to inherit (pass_fds) so as to hold the lock, too: empty
    where the file system knows no locks. The lock is the file .lock, and on other machines, which it may not reach,
    .lease keeps them out; both are removed at the end. lost: called if one of these takes the folder over nevertheless,
    because this one was not heard of for a minute.
    """
    path = Path(folder) / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone_with(path) as lock:
        try:
            with leased(path.with_name(LEASE), bool(lock), lost):
                yield lock
        finally:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()


@contextlib.contextmanager
def alone_with(path):
    """Hold `path`, a folder on this machine or a file, locked; else as alone_in()."""
    handle, deadline = None, time.monotonic() + PATIENCE
    while handle is None and fcntl:
        try:
            handle = locked(path)
        except OSError as error:
            if error.filename:  # it is the file that cannot be made
                raise
            break
        if handle is not None and not is_at(path, handle):  # whoever had it has removed it
            os.close(handle)
            handle = None
        elif handle is None and time.monotonic() > deadline:
            raise Occupied("%s: another process is at work here; wait until it is done, or end it"
                           % (path.parent if path.name == NAME else path))
        elif handle is None:
            time.sleep(0.1)
    try:
        yield [] if handle is None else [handle]
    finally:
        if handle is not None:
            os.close(handle)


def is_at(path, handle):
    """Whether the open file is the one at `path`."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(str(path)))
    except FileNotFoundError:
        return False
