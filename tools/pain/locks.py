"""Locks that end with their holder, however it ends: the kernel's, on an open file, not that a file is there."""
import os

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


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
