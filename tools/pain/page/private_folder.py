"""The folder of people's videos, which does not outlive the server, however that ends.

The server removes it at its end. A shell that waits for this removes it where the server cannot, after kill -9 or a
crash; and where both end at once, as when the power fails, the next server does, as all temporary folders are.
"""
import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from pain.temporary import POSIX, remove, temporary_folder

KEEPER = "trap '' HUP INT TERM; read nothing; rm -rf -- \"$1\""  # its input ends with the server


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """Give a new folder, for this user's eyes only, among the temporary files. Raises OSError if there can be none."""
    with temporary_folder("page") as folder, contextlib.ExitStack() as ending:
        if POSIX:
            keeper = subprocess.Popen(["sh", "-c", KEEPER, "sh", str(folder)], stdin=subprocess.PIPE, cwd="/",
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
            ending.callback(keeper.communicate)
        ending.callback(remove, folder)
        yield folder
