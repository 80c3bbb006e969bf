"""The folder of people's videos, which does not outlive the server, however that ends.

The server removes it at its end. A shell that waits for this removes it where the server cannot, after kill -9 or a
crash; and where both end at once, as when the power fails, the next server does, which sees that nobody holds its lock.
"""
import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pain.locks import locked

PREFIX = "pain-page-"
LOCK = ".page-lock"  # in each; what has none is not ours, whatever its name
KEEPER = "trap '' HUP INT TERM; read nothing; rm -rf -- \"$1\""  # its input ends with the server
POSIX = os.name == "posix"  # with a shell and locks


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """Give a new folder, for this user's eyes only, among the temporary files. Raises OSError if there can be none."""
    remove_orphans()
    folder = Path(tempfile.mkdtemp(prefix="." + PREFIX))
    with contextlib.ExitStack() as ending:
        with contextlib.suppress(OSError):  # where there are no locks no server looks for orphans either
            ending.callback(os.close, locked(folder / LOCK))
        folder = folder.rename(folder.with_name(folder.name[1:]))  # now that it is locked others may look at it
        if POSIX:
            keeper = subprocess.Popen(["sh", "-c", KEEPER, "sh", str(folder)], stdin=subprocess.PIPE, cwd="/",
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
            ending.callback(keeper.communicate)
        ending.callback(remove, folder)
        yield folder


def remove_orphans() -> None:
    """Remove the private folders of this user whose servers are no more."""
    for lock_file in Path(tempfile.gettempdir()).glob(PREFIX + "*/" + LOCK) if POSIX else ():
        folder = lock_file.parent
        with contextlib.suppress(OSError):  # another user's, or somebody else is removing it
            lock = locked(lock_file) if folder.lstat().st_uid == os.getuid() else None
            if lock is not None:
                remove(folder)
                os.close(lock)


def remove(folder):
    """Remove a private folder, its lock last: what cannot be finished here is finished by another server."""
    for path in folder.glob("*"):
        if path.name != LOCK:
            shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
