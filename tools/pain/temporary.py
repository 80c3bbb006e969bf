"""Folders among the temporary files that do not outlive who made them for long, however that ended."""
from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Iterator

from pain.locks import is_at, locked

LOCK = ".pain-lock"  # in each; what has something else and no lock is not ours, whatever its name
POSIX = os.name == "posix"  # with locks


@contextlib.contextmanager
def temporary_folder(kind: str) -> Iterator[Path]:
    """Give a new folder, pain-<kind>-*, for this user's eyes only. Raises OSError if there can be none.

    It is removed at the end; after kill -9 or a power cut by who makes the next, and sees that nobody has it locked.
    """
    remove_orphans(kind)
    with contextlib.ExitStack() as ending:
        folder = None
        while folder is None:
            folder = locked_folder(kind, ending)
        yield folder


def locked_folder(kind, ending):
    """A new folder, unlocked and removed at the end of the ExitStack; None if it was taken for an orphan meanwhile."""
    folder = Path(tempfile.gettempdir()) / ("pain-%s-%s" % (kind, secrets.token_hex(8)))
    ending.callback(remove, folder)  # from its very beginning, for a signal may come at any time
    folder.mkdir(mode=0o700)
    try:
        lock = locked(folder / LOCK)
    except OSError:  # where there are no locks nobody looks for orphans either
        return folder if folder.exists() else None
    if lock is None:
        return None
    ending.callback(os.close, lock)
    return folder if is_at(folder / LOCK, lock) else None


def remove_orphans(kind: str) -> None:
    """Remove the temporary folders of this kind, and of this user, whose makers are no more, or that are empty."""
    temporary = Path(tempfile.gettempdir())
    for folder in temporary.glob("pain-%s-*" % kind) if POSIX else ():
        with contextlib.suppress(OSError):  # it is not empty
            folder.rmdir()
    for lock_file in temporary.glob("pain-%s-*/%s" % (kind, LOCK)) if POSIX else ():
        folder = lock_file.parent
        with contextlib.suppress(OSError):  # another user's, or somebody else is removing it
            lock = locked(lock_file) if folder.lstat().st_uid == os.getuid() else None
            if lock is not None:
                remove(folder)
                os.close(lock)


def remove(folder: Path) -> None:
    """Remove such a folder, its lock last: what cannot be finished here is finished by the next who makes one."""
    for path in folder.glob("*"):
        if path.name != LOCK:
            shutil.rmtree(str(path), ignore_errors=True)
            with contextlib.suppress(OSError):  # a file
                path.unlink()
    shutil.rmtree(str(folder), ignore_errors=True)
