"""How every tool behaves on the command line: one-line errors, exit statuses, whole files or none."""
import argparse
import contextlib
import csv
import errno
import os
import signal
import sys
from itertools import accumulate
from pathlib import Path


class Problem(Exception):
    """Something the user can mend. Its text names the thing at fault and the remedy, in one line."""


class Parser(argparse.ArgumentParser):
    """A parser of command lines whose errors are one line, too. doc: the tool's; its first line is the description."""

    def __init__(self, doc):
        super().__init__(description=doc.split("\n")[0])

    def error(self, message):
        fail("%s; see --help" % message)


def run(main):
    """Run `main()` as the program: exit 0, 2 with one line on stderr for what a user can mend, 130 on Ctrl-C.

    Any other exception is a bug in the tool and keeps its traceback.
    """
    try:
        main()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader (`| head`) has seen enough
        discard_output()
    except KeyboardInterrupt:
        fail("interrupted; run the same command again to go on", status=130)
    except Problem as problem:
        fail(problem)
    except OSError as error:
        if error.errno is None:
            raise
        try:
            sys.stdout.flush()
        except OSError:  # it is the output that cannot be written
            discard_output()
        remedy = "; free some space and run the command again" if error.errno == errno.ENOSPC else ""
        fail("%s: %s%s" % (error.filename or "writing", error.strerror, remedy))


def discard_output():
    """Let what is still to be written to standard output vanish, without an error when the program ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def end_on_interrupt():
    """Let a worker process end without a word on Ctrl-C, which reaches it as well as its parent."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def fail(message, status=2):
    """Print `message` as the program's one line of error and exit with `status`."""
    print("%s: %s" % (Path(sys.argv[0]).name, " ".join(str(message).split())), file=sys.stderr)
    sys.exit(status)


@contextlib.contextmanager
def replacing(path):
    """Give a temporary path beside `path`; on success it is flushed to disk and renamed to `path`, else removed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(".%s.%d.partial%s" % (path.stem, os.getpid(), path.suffix))
    try:
        yield partial
        with open(str(partial), "rb+") as file:
            os.fsync(file.fileno())
        os.replace(str(partial), str(path))
    finally:
        if partial.exists():
            partial.unlink()


def write_csv(path, columns, rows):
    """Write `rows` (sequences in the order of `columns`) to the CSV file `path`, whole or not at all."""
    with replacing(path) as partial, open(str(partial), "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def read_csv(path, columns, made_by):
    """Read the CSV file `path` as a list of dicts of strings, at least one.

    Raises Problem when it is missing or empty (naming `made_by`, the command that makes it), is no CSV text,
    lacks one of `columns`, or has a row of another length.
    """
    fieldnames, rows, _ = read_rows(path, columns, made_by)
    return [dict(zip(fieldnames, row)) for row in rows]


def read_table(path, columns, made_by):
    """Read `columns` of the CSV file `path`: the lines on which its N rows end, and N strings a column.

    Raises Problem as read_csv() does. Quicker than that for many rows.
    """
    fieldnames, rows, lines = read_rows(path, columns, made_by)
    texts = list(zip(*rows))
    return lines, [texts[fieldnames.index(column)] for column in columns]


def read_rows(path, columns, made_by):
    """The CSV file's column names, its rows (lists of strings, at least one; no empty lines), and where each ends."""
    try:
        with open(str(path), newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            fieldnames, rows = next(reader, []), list(reader)
    except FileNotFoundError:
        raise Problem("%s: no such file; make it with `%s`" % (path, made_by))
    except (UnicodeDecodeError, csv.Error):
        raise Problem("%s: not a CSV text file; make it again with `%s`" % (path, made_by))
    missing = [column for column in columns if column not in fieldnames]
    if missing:
        raise Problem("%s: no column %s; make it again with `%s`" % (path, ", ".join(missing), made_by))
    lines = range(2, len(rows) + 2)
    if reader.line_num > len(rows) + 1:  # fields of several lines
        lines = list(accumulate((1 + sum(field.count("\n") for field in row) for row in [fieldnames, *rows])))[1:]
    if set(map(len, rows)) - {len(fieldnames)}:
        lines, rows = zip(*[(line, row) for line, row in zip(lines, rows) if row]) if any(rows) else ((), ())
        for line, row in zip(lines, rows):
            if len(row) != len(fieldnames):
                raise Problem("%s: line %d does not have %d fields" % (path, line, len(fieldnames)))
    if not rows:
        raise Problem("%s: no rows; make it again with `%s`" % (path, made_by))
    return fieldnames, rows, lines
