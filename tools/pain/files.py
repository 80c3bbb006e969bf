"""Files that are whole or not there, and the readers of the tables and of the JSON that this project writes."""
import contextlib
import csv
import hashlib
import json
import os
import re
import shutil
from itertools import accumulate
from pathlib import Path

from pain.errors import Problem
from pain.leases import Lease, leased, this_machine
from pain.locks import alone_with, locked

MOST_JSON, DEEPEST = 64 << 20, 40  # of JSON: bytes, and levels of lists and dicts; nothing of ours has so many


@contextlib.contextmanager
def replacing(path):
    """Give a temporary path beside `path`; on success it is flushed to disk and renamed to `path`, else removed.

    So is what was left there of `path` by those who were killed, whose locks have gone with them: the file is locked
    as long as it is written, and HDF5, which locks its files itself, is to be written elsewhere first.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(".%s.%d.partial%s" % (path.stem, os.getpid(), path.suffix))
    leftover = re.compile(r"\.%s\.\d+\.partial%s" % (re.escape(path.stem), re.escape(path.suffix)))
    sweep(map(path.with_name, filter(leftover.fullmatch, os.listdir(str(path.parent)))))
    try:
        with holding(partial):
            yield partial
            with open(str(partial), "rb+") as file:
                os.fsync(file.fileno())
            os.replace(str(partial), str(path))
    finally:
        if partial.exists():
            partial.unlink()


@contextlib.contextmanager
def holding(path):
    """Lock a folder or a file, made if missing, for a while. Gives whether it is known that nobody else has locked it.
    """
    try:
        handle = locked(path) if os.name == "posix" else None  # on Windows what is open cannot be renamed
    except OSError:  # there are no locks, and nobody can tell
        handle = None
    try:
        yield handle is not None
    finally:
        if handle is not None:
            os.close(handle)


def write_csv(path, columns, rows):
    """Write `rows` (sequences in the order of `columns`) to the CSV file `path`, whole or not at all."""
    with replacing(path) as partial:
        write_rows(partial, columns, rows)


def write_rows(path, columns, rows):
    """As write_csv(), but as it goes along."""
    with open(str(path), "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def read_csv(path, columns, made_by):
    """Read the CSV file `path`, one of our own, as a list of dicts of strings, at least one. Empty lines are none.

    Raises Problem when it is missing or empty (naming `made_by`, the command that makes it), is no CSV text,
    lacks one of `columns`, or has a row of another length. What people make is read by pain.people_tables.
    """
    try:
        with open(str(path), newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            fieldnames, rows = next(reader, []), list(reader)
    except FileNotFoundError:
        raise Problem("%s: no such file; make it with `%s`" % (path, made_by)) from None
    except (UnicodeDecodeError, csv.Error):
        raise Problem("%s: not a CSV text file; make it again with `%s`" % (path, made_by)) from None
    missing = [column for column in columns if column not in fieldnames]
    if missing:
        raise Problem("%s: no column %s; make it again with `%s`" % (path, ", ".join(missing), made_by))
    if set(map(len, rows)) - {len(fieldnames)}:
        ends = accumulate(1 + sum(field.count("\n") for field in row) for row in [fieldnames, *rows])
        for line, row in zip(ends, [fieldnames, *rows]):
            if row and len(row) != len(fieldnames):
                raise Problem("%s: line %d does not have %d fields" % (path, line, len(fieldnames)))
    rows = [dict(zip(fieldnames, row)) for row in rows if row]
    if not rows:
        raise Problem("%s: no rows; make it again with `%s`" % (path, made_by))
    return rows


def read_json(path):
    """What is in the JSON file `path`. Raises OSError when it cannot be read, ValueError as parse_json() does."""
    if os.path.getsize(str(path)) > MOST_JSON:
        raise ValueError("more than %d MiB of JSON" % (MOST_JSON >> 20))
    return parse_json(Path(path).read_bytes())


def parse_json(text):
    """What the JSON `text`, str or bytes, stands for. Raises ValueError when it is none, or nested too deeply."""
    try:
        content = json.loads(text)
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None
    level = [content]
    for _ in range(DEEPEST):
        level = [inner for outer in level if isinstance(outer, (dict, list))
                 for inner in (outer.values() if isinstance(outer, dict) else outer)]
    if level:
        raise ValueError("JSON that is nested too deeply")
    return content


@contextlib.contextmanager
def making(folder):
    """Give an empty folder, .NAME.partial, that on success is renamed to `folder`, in the place of what is there.

    Raises Problem while another process makes it.
    """
    partial = folder.with_name(".%s.partial" % folder.name)
    partial.mkdir(parents=True, exist_ok=True)
    with alone_with(partial) as lock:
        with leased(lease_of(partial), bool(lock)):
            for leftover in partial.iterdir():
                remove(leftover)
            try:
                yield partial
            except BaseException:
                remove(partial)
                raise
        discard(folder)
        partial.rename(folder)


def lease_of(partial):
    """The lease on a folder `partial` of making()."""
    return partial.with_suffix(".lease")


@contextlib.contextmanager
def swept(folder, *patterns):
    """Remove, before the block and after it, what was left half made in `folder`: what glob `patterns` match there."""
    def leftovers():
        return [path for pattern in patterns for path in Path(folder).glob(pattern)]

    sweep(leftovers())
    try:
        yield
    finally:
        sweep(leftovers())


def sweep(paths):
    """Remove those of the files and folders that nobody is making, on this machine or, by a lease, on another."""
    for path in paths:
        with holding(path) as is_ours:
            if is_ours and Lease(lease_of(path)).read().get("machine", this_machine()) == this_machine():
                remove(path)
                remove(lease_of(path))


def discard(folder):
    """Remove a folder, if it is there, so that at no time half of it stands under its name."""
    aside = folder.with_name(".%s.old.partial" % folder.name)
    remove(aside)  # of whoever was killed here
    if folder.exists():
        folder.rename(aside)
        remove(aside)


def remove(path):
    """Remove a file, or a folder with all that is in it, if it is there and can be removed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(str(path), ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def sha256(path):
    """A file's SHA-256, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(str(path), "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def fingerprint(*paths):
    """The first digits of a file's SHA-256; of several files, of that of theirs."""
    digests = list(map(sha256, paths))
    return (digests[0] if len(paths) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest())[:16]


def or_none(value):
    """A row's value as JSON and CSV have it: None for NaN, within dicts and sequences, too."""
    if isinstance(value, dict):
        return {key: or_none(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [or_none(inner) for inner in value]
    return None if value != value else value


def rounded(value, digits=6):
    """`value` as JSON has it: a float of so many digits, None for None and NaN."""
    return None if value is None or value != value else round(float(value), digits)
