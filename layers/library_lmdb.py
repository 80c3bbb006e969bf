"""An LMDB folder read by the library lmdb, beside genuine Caffe, for which there is nothing else.

The library maps the file into memory, where a damaged page can end the process. That one is missing is found out first.
"""
import os

import lmdb


class LmdbError(RuntimeError):
    """An LMDB that is missing, damaged or cut short."""


class Lmdb:
    """The records of an LMDB folder, bytes both. Raises LmdbError."""

    _environments = {}  # of data.mdb's inode and device

    def __init__(self, folder):
        """The environment stays open until the process ends.

        LMDB lets a process open it only once, so that its nets share it; and a net that goes can leave it to its
        reading thread, where closing and the next net's opening would race.
        """
        try:
            status = os.stat(os.path.join(folder, "data.mdb"))
            inode = status[1:3]
            if inode not in self._environments:
                environment = lmdb.open(folder, readonly=True, lock=False, readahead=False)
                if status.st_size < (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]:
                    environment.close()
                    raise LmdbError("data.mdb is cut short")
                self._environments[inode] = environment
            self.environment = self._environments[inode]
        except (OSError, lmdb.Error) as error:
            raise LmdbError(str(error)) from error

    def records(self):
        """Yields (key, value) in the order of the keys."""
        with self.environment.begin() as transaction:
            try:
                yield from transaction.cursor()
            except lmdb.Error as error:
                raise LmdbError(str(error)) from error

    def get(self, key):
        """The value of a key, None if there is no such key."""
        with self.environment.begin() as transaction:
            return transaction.get(key)
