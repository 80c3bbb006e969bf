"""LMDBs of Caffe's Datums, and the lists of what is in them."""
from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Iterable, Iterator

import lmdb
from caffe.proto import caffe_pb2

from pain.errors import Problem

try:
    from caffe.db import Lmdb  # to which no damage is a crash
    from caffe.errors import CaffeError as LmdbError
except ImportError:  # genuine Caffe
    from pain.datasets.library_lmdb import Lmdb, LmdbError

if TYPE_CHECKING:
    import numpy as np

HEIGHT, WIDTH = 112, 96
COMMIT_EVERY = 1000  # frames a transaction, as convert_imageset


def datum(image: np.ndarray, label: int) -> bytes:
    """The Datum (bytes) of an aligned face: (112, 96, 3) uint8 RGB."""
    return caffe_pb2.Datum(channels=3, height=HEIGHT, width=WIDTH, data=image[:, :, ::-1].transpose(2, 0, 1).tobytes(),
                           label=int(label), encoded=False).SerializeToString()


def datums(encode, paths, labels, pool):
    """Yield encode(path, label) of each, made in the processes of `pool`, some at a time: memory stays bounded."""
    for start in range(0, len(paths), COMMIT_EVERY):
        some = slice(start, start + COMMIT_EVERY)
        yield from pool.map(encode, paths[some], labels[some], chunksize=50)


def key(index: int, name: str) -> bytes:
    """The LMDB key of line `index` of a list file, as convert_imageset makes it."""
    return b"%08d_%s" % (index, name.encode())


def write_lmdb(path, records, count, bar):
    """Write (name, Datum bytes) pairs, `count` of them, as the LMDB folder `path`."""
    size = HEIGHT * WIDTH * 3 + 1024
    environment = lmdb.open(str(path), map_size=count * (size + 4096 + 512) + (16 << 20), sync=False)
    try:
        transaction = environment.begin(write=True)
        for index, (name, datum) in enumerate(records):
            transaction.put(key(index, name), datum, append=True)
            bar.update()
            if (index + 1) % COMMIT_EVERY == 0:
                transaction.commit()
                transaction = environment.begin(write=True)
        transaction.commit()
        environment.sync(True)
    except lmdb.Error as error:
        raise Problem("%s: %s; free some space and run the command again, what is finished is kept"
                      % (path, error)) from error
    finally:
        environment.close()


@contextlib.contextmanager
def open_lmdb(path: str | Path) -> Iterator[Lmdb]:
    """The LMDB folder `path`, opened: records() yields (key, value), and get(key) gives a value, or None; all bytes.

    Raises Problem if it is missing or damaged, then and within the block.
    """
    try:
        with contextlib.closing(Lmdb(path)) as database:
            yield database
    except LmdbError as error:
        raise Problem("%s; remove %s and make it again" % (error, Path(path).parent)) from error


def read(database, name, path):
    """The value of the key `name` in the LMDB `path`, bytes. Raises Problem if it is not there."""
    value = database.get(name)
    if value is None:
        raise Problem("%s: incomplete, no key %s; remove %s and make it again" % (path, name.decode(), path.parent))
    return value


def write_list(path: str | Path, names: Iterable[str], labels: Iterable[int]) -> None:
    """Write convert_imageset's list file: a path and a label a line."""
    with open(str(path), "w", encoding="utf-8") as file:
        file.writelines("%s %d\n" % pair for pair in zip(names, labels))
        file.flush()
        os.fsync(file.fileno())


def read_list(path):
    """The names, list of str, and labels, list of int, of a list file. Raises Problem when missing or malformed."""
    try:
        pairs = [line.rsplit(" ", 1) for line in Path(path).read_text(encoding="utf-8").splitlines()]
        return [name for name, _ in pairs], [int(label) for _, label in pairs]
    except (FileNotFoundError, UnicodeDecodeError, ValueError):
        raise Problem("%s: missing or no list of paths and labels; remove %s and run `make folds`"
                      % (path, Path(path).parent)) from None
