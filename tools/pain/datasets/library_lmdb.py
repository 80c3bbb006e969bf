"""An LMDB folder read by the library lmdb, beside genuine Caffe, for which there is nothing else."""
import lmdb

from pain.processes import Crashed, call_apart


class LmdbError(RuntimeError):
    """An LMDB that is missing or damaged. Its text names it."""


class Lmdb:
    """The records of an LMDB folder, bytes both.

    The library maps the file into memory, where a page that is damaged or missing ends the process. So another process
    reads all of it first. Raises LmdbError.
    """

    def __init__(self, folder):
        try:
            call_apart(read_all, str(folder), memory=None)
            self.environment = open_library(str(folder))
        except (Crashed, lmdb.Error) as error:
            raise LmdbError("%s: damaged, cut short, or no LMDB: %s" % (folder, error)) from error

    def close(self):
        self.environment.close()

    def records(self):
        """Yields (key, value) in the order of the keys."""
        with self.environment.begin() as transaction:
            yield from transaction.cursor()

    def get(self, key):
        """The value of a key, None if there is no such key."""
        with self.environment.begin() as transaction:
            return transaction.get(key)


def open_library(folder):
    """The library's environment of an LMDB folder, for reading. Raises lmdb.Error."""
    return lmdb.open(folder, readonly=True, lock=False, readahead=False)


def read_all(folder):
    """Read all of an LMDB folder. Raises lmdb.Error for what the library can tell."""
    with open_library(folder) as environment, environment.begin() as transaction:
        for _ in transaction.cursor():
            pass
