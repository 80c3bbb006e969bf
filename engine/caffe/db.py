"""The databases that a Data layer reads: LMDB, by a reader of our own, and LevelDB, by plyvel.

The reader of LMDB takes each page through checks. The library lmdb maps the file into memory, where a damaged one
crashes the process, and it lets a process open a database only once, though scripts have it open beside their net.
"""
from __future__ import annotations

import contextlib
import importlib
import os
import struct
import weakref
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from caffe import log
from caffe.errors import CaffeError
from caffe.proto.caffe_pb2 import DataParameter

_MAP = 1 << 40  # bytes that an LMDB can grow to; it is no bigger than what is in it


def open_database(source: str | os.PathLike, backend: int) -> Lmdb | LevelDb:
    """The database in the folder `source` (relative to the working directory), of a DataParameter.DB.

    It has a length and `records(start=0)`, which yields (key, value), both bytes, in the order of the keys.
    Raises CaffeError, naming the folder, if it is missing, damaged or of the other kind.
    """
    folder, lmdb = Path(source), backend == DataParameter.LMDB
    holds = {True: "an LMDB", False: "a LevelDB"}
    found = [kind for kind, name in ((True, "data.mdb"), (False, "CURRENT")) if os.path.isfile(folder / name)]
    if lmdb not in found:
        if found:
            raise CaffeError("%s: holds %s; say backend: %s"
                             % (source, holds[not lmdb], DataParameter.DB.Name(1 - backend)))
        raise CaffeError("%s: there is no such folder with %s in it (working directory: %s)"
                         % (source, holds[lmdb], os.getcwd()))
    return Lmdb(folder) if lmdb else open_leveldb(folder)


@contextlib.contextmanager
def new_database(folder: str | os.PathLike, backend: int) -> Iterator[Callable[[list[tuple[bytes, bytes]]], None]]:
    """In a `with`: a function that writes (key, value) pairs, bytes, to a new database, of a DataParameter.DB.

    Raises CaffeError if the folder is there, or cannot be written.
    """
    name, library = ("lmdb", "lmdb") if backend == DataParameter.LMDB else ("leveldb", "plyvel")
    try:
        module = importlib.import_module(library)
    except ImportError:
        raise CaffeError("to write a %s, install %s (pip install %s)" % (name, library, library)) from None
    try:
        os.mkdir(folder, 0o744)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise CaffeError("mkdir %s failed: %s" % (folder, getattr(error, "strerror", error))) from error
    try:
        with contextlib.closing(module.open(os.fspath(folder), map_size=_MAP) if name == "lmdb" else
                                module.DB(os.fspath(folder), create_if_missing=True)) as database:
            log.info("Opened %s %s" % (name, folder), at="db_lmdb.cpp:35" if name == "lmdb" else "db_leveldb.cpp:18")

            def write(records):
                with database.begin(write=True) if name == "lmdb" else database.write_batch() as transaction:
                    for key, value in records:
                        transaction.put(key, value)
            yield write
    except module.Error as error:
        raise CaffeError("%s: cannot be written: %s" % (folder, error)) from error


class Cursor:
    """Reads a database round and round: record k is record k modulo the number of records."""

    def __init__(self, database: Lmdb | LevelDb):
        self.database = database
        self._next = None  # the number of the record that self._records yields next

    def read(self, start: int, count: int) -> list[tuple[bytes, bytes]]:
        """The records start .. start + count - 1, a list of (key, value)."""
        if start != self._next:
            self._records = self.database.records(start % len(self.database))
        self._next, found = None, []
        while len(found) < count:
            record = next(self._records, None)
            if record is None:
                self._records = self.database.records()
                record = next(self._records)
            found.append(record)
        self._next = start + count
        return found


class Lmdb:
    """An LMDB folder, opened for reading (64-bit little-endian, format 1; the main database, without duplicates).

    A file is a row of pages, 0 and 1 with what else there is: `_META`. A tree of branch pages ends in leaf pages, whose
    nodes hold a key and its value, or where the value lies: from a page of its own on.
    """

    # Of a page's header, 16 bytes: its number, flags, and where the offsets of its nodes, from byte 16 on, end.
    _HEADER = struct.Struct("<Q2xHH2x")
    _BRANCH, _LEAF, _OVERFLOW = 1, 2, 4
    # Behind the header: magic, version; of the free pages' tree, whose first field is the size of a page, and of the
    # main one: depth, entries, root; the last page's number; the transaction's number.
    _META = struct.Struct("<16xII16x I44x 6xH24xQQ QQ")
    _MAGIC, _VERSION, _MOST_LEVELS = 0xBEEFC0DE, 1, 32
    # Of a node: in a leaf the value's size (low half, high half), flags and the key's size; in a branch the three make
    # the child's page number.
    _NODE = struct.Struct("<HHHH")
    _ELSEWHERE = 1  # a leaf node's flag: not the value but the number of its page

    def __init__(self, folder: str | os.PathLike):
        self.path = Path(folder) / "data.mdb"
        try:
            self._file = open(self.path, "rb", buffering=0)
        except OSError as error:
            raise CaffeError("%s: %s" % (self.path, error.strerror)) from error
        self._size = os.fstat(self._file.fileno()).st_size
        self._nodes = lru_cache(maxsize=1000)(self._read_nodes)  # of the pages that get() passes
        first = self._meta(0)
        self._page_size = first[2]
        if self._page_size not in (1 << bits for bits in range(9, 17)):
            self._damaged("pages of %d bytes" % self._page_size)
        newest = max(first, self._meta(self._page_size), key=lambda meta: meta[-1])
        _, _, _, self._depth, self._entries, self._root, last_page, _ = newest
        if self._depth > self._MOST_LEVELS:
            self._damaged("a tree of %d levels" % self._depth)
        if self._entries > self._size:
            self._damaged("%d records" % self._entries)
        if not self._entries or not self._depth:
            raise CaffeError("%s: the database is empty" % self.path)
        if self._size < (last_page + 1) * self._page_size:  # pages at the end may be unused ones; are they?
            for page in self._leaves(self._root, self._depth):
                for offset in self._offsets(page, self._LEAF):
                    self._node(page, offset)

    def close(self) -> None:
        """Close the file. It closes by itself when the last net that reads it is gone."""
        self._file.close()

    def __len__(self) -> int:
        return self._entries

    def records(self, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
        """Yields (key, value) from record number `start` on. Raises CaffeError, naming the file, if it is damaged."""
        passed = 0
        for page in self._leaves(self._root, self._depth):
            offsets = self._offsets(page, self._LEAF)
            for offset in offsets[max(start - passed, 0):]:
                yield self._record(page, offset)
            passed += len(offsets)
        if passed != self._entries:
            self._damaged("%d records where there should be %d" % (passed, self._entries))

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, None if there is no such key. Raises CaffeError, naming the file, if it is damaged."""
        number = self._root
        for _ in range(1, self._depth):
            page, offsets, keys = self._nodes(number, self._BRANCH)  # the first key is empty, for all smaller ones
            number = self._child(page, offsets[bisect_right(keys, key, 1) - 1])
        page, offsets, keys = self._nodes(number, self._LEAF)
        at = bisect_left(keys, key)
        return self._record(page, offsets[at])[1] if keys[at:at + 1] == [key] else None

    def _damaged(self, what):
        raise CaffeError("%s: damaged, cut short, or no LMDB: %s" % (self.path, what))

    def _read(self, where, size):
        """The bytes from offset `where` of the file."""
        found = os.pread(self._file.fileno(), size, where) if where + size <= self._size else b""
        if len(found) != size:
            self._damaged("it has no %d bytes at %d" % (size, where))
        return found

    def _meta(self, where):
        meta = self._META.unpack(self._read(where, self._META.size))
        if meta[:2] != (self._MAGIC, self._VERSION):
            self._damaged("at %d is no header of a format known here" % where)
        return meta

    def _page(self, number, flag, size):
        """The first `size` bytes of a page, which must be of this kind."""
        page = self._read(number * self._page_size, size)
        if self._HEADER.unpack_from(page)[:2] != (number, flag):
            self._damaged("page %d is not what it should be" % number)
        return page

    def _offsets(self, page, flag):
        """Where in a page its nodes begin."""
        end = self._HEADER.unpack_from(page)[2]
        count = (end - self._HEADER.size) // 2
        if not 0 < count <= (self._page_size - self._HEADER.size) // 2:
            self._damaged("a page with %d nodes" % count)
        offsets = struct.unpack_from("<%dH" % count, page, self._HEADER.size)
        if min(offsets) < end or max(offsets) + self._NODE.size > self._page_size:
            self._damaged("a page whose nodes lie outside it")
        return offsets

    def _leaves(self, number, depth):
        """Yields the leaf pages under a page, in order. depth: levels from it down, itself included."""
        flag = self._LEAF if depth == 1 else self._BRANCH
        page = self._page(number, flag, self._page_size)
        if depth == 1:
            yield page
            return
        for offset in self._offsets(page, flag):
            yield from self._leaves(self._child(page, offset), depth - 1)

    def _child(self, page, offset):
        """The number of the page that a branch's node leads to."""
        low, middle, high, _ = self._NODE.unpack_from(page, offset)
        return low | middle << 16 | high << 32

    def _read_nodes(self, number, flag):
        """A page, where in it its nodes begin, and their keys."""
        page = self._page(number, flag, self._page_size)
        offsets = self._offsets(page, flag)
        begins = [offset + self._NODE.size for offset in offsets]
        return page, offsets, [page[begin:begin + self._NODE.unpack_from(page, offset)[3]]
                               for begin, offset in zip(begins, offsets)]

    def _record(self, page, offset):
        """The key and the value of a leaf's node."""
        key, where, size = self._node(page, offset)
        return key, page[where:where + size] if where < self._page_size else self._read(where, size)

    def _node(self, page, offset):
        """The key of a leaf's node, and of its value the offset, in the page, or in the file if beyond it, and size."""
        low, high, flags, key_size = self._NODE.unpack_from(page, offset)
        size, begin = low | high << 16, offset + self._NODE.size
        where = begin + key_size
        key = page[begin:where]
        if flags not in (0, self._ELSEWHERE):
            self._damaged("it holds databases, or several values of a key")
        if where + (8 if flags else size) > self._page_size:
            self._damaged("a record of %d bytes does not fit its page" % size)
        if flags:
            number, = struct.unpack_from("<Q", page, where)
            self._page(number, self._OVERFLOW, self._HEADER.size)
            where = number * self._page_size + self._HEADER.size
            if where + size > self._size:
                self._damaged("record %s ends behind the end of the file" % printable(key))
        return key, where, size


def printable(key: bytes) -> str:
    """A record's key as people may read it."""
    return key.decode("ascii", "backslashreplace")


_leveldbs = weakref.WeakValueDictionary()  # absolute path -> LevelDb; a process can open one only once


def open_leveldb(folder: str | os.PathLike) -> LevelDb:
    """The LevelDb of the folder; nets share it."""
    path = os.path.realpath(folder)
    database = _leveldbs.get(path) or LevelDb(folder)
    _leveldbs[path] = database
    return database


class LevelDb:
    """A LevelDB folder, opened for reading, by plyvel."""

    def __init__(self, folder: str | os.PathLike):
        try:
            import plyvel
        except ImportError:
            raise CaffeError("%s: to read a LevelDB, install plyvel (pip install plyvel), or make it an LMDB"
                             % folder) from None
        self.path, self._error = folder, plyvel.Error
        try:
            self._database = plyvel.DB(str(folder), create_if_missing=False, paranoid_checks=True)
        except plyvel.Error as error:
            self._damaged(error)
        if not next(self._all(), None):
            self._damaged("it has no record that can be read")

    def __len__(self) -> int:
        return sum(1 for _ in self._all(include_value=False))

    def records(self, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
        """Yields (key, value) from record number `start` on. Raises CaffeError, naming the folder, if it is damaged."""
        number = -1
        for number, record in enumerate(self._all()):
            if number >= start:
                yield record
        if number < start:
            self._damaged("it has only %d records" % (number + 1))

    def _all(self, **options):
        try:
            yield from self._database.iterator(verify_checksums=True, **options)
        except self._error as error:
            self._damaged(error)

    def _damaged(self, error):
        raise CaffeError("%s: damaged, in use by another process, or no LevelDB: %s" % (self.path, error))
