"""Tables that people make: CSV as spreadsheets and programs of every country save it.

Columns are parted by comma, semicolon or tab, which the header tells, or by what a first line `sep=;` names. Numbers
have a decimal point or comma. The text is UTF-8, UTF-16 or Windows' Latin-1, with a byte order mark or without; lines
end in any way; fields may be quoted. Names of columns may have capitals and blanks: `Time (s)` is time_s. Above the
header there may be other lines, and empty lines and columns, and lines that begin with #, are passed over.

Tables that this project wrote itself are read by pain.files.
"""
from __future__ import annotations

import codecs
import csv
import io
import re
from pathlib import Path
from typing import NamedTuple, Sequence

import numpy as np

from pain.errors import Problem

SEPARATORS = ",", ";", "\t"
ABOVE = 50  # lines among which the header is looked for
MARKS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
         (codecs.BOM_UTF16_BE, "utf-16"))
SPREADSHEETS = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"  # how .xlsx and .ods begin, and .xls
NO_TEXT = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\ufffe\uffff]")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}$")  # or is it a decimal comma?
CLOCK = re.compile(r"(?:(\d{1,4}):(?=[0-5]?\d:))?(\d{1,4}):([0-5]?\d(?:[.,]\d*)?)$", re.ASCII)  # [[H:]M:]S
MINUS = "\u2212"


class PeopleTable(NamedTuple):
    """A table's N rows."""
    path: str | Path  # what to call it
    names: list[str]  # of the columns, as plain() has them
    rows: list[list[str]]
    lines: np.ndarray  # (N,) int: on which each row ends, from 1
    separator: str

    def has(self, name: str) -> bool:
        """Whether there is a column of this name."""
        return name in self.names

    @property
    def place(self) -> str:
        """Where a row stands, a text like "a.csv: line %d"."""
        return str(self.path).replace("%", "%%") + ": line %d"

    def texts(self, name: str) -> list[str]:
        """A column as a list of N str. Raises Problem when it is not there, or more than once."""
        if self.names.count(name) != 1:
            raise Problem("%s: %s column %s in its header; it has: %s" % (
                self.path, "more than one" if name in self.names else "no", name,
                ", ".join(filter(None, self.names)) or "nothing"))
        i = self.names.index(name)
        return [row[i].strip() for row in self.rows]

    def numbers(self, *names: str, clocks: Sequence[str] = ()) -> list[np.ndarray]:
        """Columns as (N,) float64 each, NaN for what is no number, infinity, too; in the columns `clocks` clock times
        are, in seconds.

        Raises Problem as texts() does, and for numbers of which nobody knows what their commas and points mean.
        """
        columns = [self.texts(name) for name in names]
        try:
            arrays = [np.array(texts, float) for texts in columns]
        except ValueError:
            self._refuse_ambiguous(columns)
            return [np.array([(seconds if name in clocks else number)(text) for text in texts])
                    for name, texts in zip(names, columns)]
        return [np.where(np.isfinite(array), array, np.nan) for array in arrays]

    def _refuse_ambiguous(self, columns):
        cells = [(line, text) for texts in columns for line, text in zip(self.lines.tolist(), texts)]
        commas = [(line, text) for line, text in cells if "," in text]
        points = [(line, text) for line, text in cells if "." in text]
        if commas and self.separator != ";" and all(THOUSANDS.match(text) for _, text in commas):
            raise Problem("%s: is %s a thousand or a fraction? write it without a comma" % (
                self.place % commas[0][0], commas[0][1]))
        if commas and points:
            raise Problem("%s: %s, but %s on line %d; write all numbers with a decimal point, or all with a comma"
                          % (self.place % points[0][0], points[0][1], commas[0][1], commas[0][0]))


def number(text: str) -> float:
    """`text`, a number with a decimal point or comma, as a float; NaN when it is none, or too large to be one."""
    text = text.strip().replace(MINUS, "-").replace(",", ".")
    value = float(text) if NUMBER.match(text) else np.nan
    return value if np.isfinite(value) else np.nan


def seconds(text: str) -> float:
    """`text`, seconds or a clock time (0:10, 1:02:03,5), as seconds; NaN when it is neither."""
    clock = CLOCK.match(text.strip())
    if not clock:
        return number(text)
    hours, minutes, least = clock.groups()
    return 3600 * int(hours or 0) + 60 * int(minutes) + number(least)


def read_people_table(path: str | Path, known: tuple[str, ...]) -> PeopleTable:
    """The PeopleTable in the file `path`. known: the columns that it may have, two of which tell the header.

    Raises Problem, naming the line where there is one, when the file is missing or holds no table with rows.
    """
    return parse_people_table(read_bytes(path), path, known)


def read_bytes(path: str | Path) -> bytes:
    """A file's content. Raises Problem when there is none to read."""
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise Problem("%s: no such file" % path) from None
    except IsADirectoryError:
        raise Problem("%s: a folder, not a table; name a file" % path) from None


def parse_people_table(content: bytes, path: str | Path, known: tuple[str, ...]) -> PeopleTable:
    """The PeopleTable in `content`, bytes; path: what to call it. Otherwise as read_people_table()."""
    lines = list(io.StringIO(decode(content, path), newline=""))
    above, separator = find_header(lines, known, path)
    reader, rows, ends = csv.reader(lines[above:], delimiter=separator, strict=True), [], []
    try:
        names = [plain(name) for name in next(reader)]
        width = len(names)
        for row in reader:
            if not is_empty(row) and not is_comment(row, width):
                ends.append(above + reader.line_num)
                rows.append(row if len(row) == width else fitted(row, width, path, ends[-1], separator))
    except csv.Error as error:
        raise Problem("%s: line %d: %s; mend the quotes, or save the table again as CSV" % (
            path, above + max(1, reader.line_num), error)) from None
    if not rows:
        raise Problem("%s: no rows below the header" % path)
    return PeopleTable(path, names, rows, np.array(ends), separator)


def decode(content: bytes, path: str | Path) -> str:
    """Bytes of a text file as str, without a byte order mark. Raises Problem when they are no text."""
    if content.startswith(SPREADSHEETS):
        raise Problem("%s: a spreadsheet program's own file; save it there as CSV" % path)
    marked = [encoding for mark, encoding in MARKS if content.startswith(mark)]
    for encoding in marked or [*utf_16(content[:200]), "utf-8-sig", "cp1252", "latin-1"]:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not NO_TEXT.search(text):
            return text
    raise Problem("%s: not a text file" % path)


def utf_16(start):
    """UTF-16 in a list, if bytes without a byte order mark look like it: half of those of a Western text are 0."""
    return [encoding for half, encoding in ((start[1::2], "utf-16-le"), (start[::2], "utf-16-be"))
            if len(start) > 3 and half.count(0) > 0.8 * len(half)]


def plain(name):
    """A column's name in small letters, `_` for what is neither a letter nor a digit: "Time (s)" is time_s."""
    return re.sub(r"[\W_]+", "_", name.strip().lower()).strip("_")


def find_header(lines, known, path):
    """How many lines are above the header, and the separator. Raises Problem if there is no header."""
    separators, first = SEPARATORS, None
    for i, line in enumerate(lines[:ABOVE]):
        named = re.match(r"\W{0,2}sep=(.)", line, re.I) if first is None else None
        if named:
            separators = named.group(1),
            continue
        found = [(split(line, separator), separator) for separator in separators]
        names, separator = max(found, key=lambda one: (len(set(known) & set(one[0])), len(one[0])))
        if len(set(known) & set(names)) > 1:
            return i, separator
        if first is None and any(names):
            first = i, separator
    if first is None:
        raise Problem("%s: no column %s, for it is empty" % (path, known[0]))
    return first


def split(line, separator):
    """The names of the columns in a header."""
    try:
        return [plain(name) for name in next(csv.reader([line], delimiter=separator), [])]
    except csv.Error:
        return [plain(line)]


def is_empty(row):
    """Whether there is nothing but blanks in a row."""
    return not any(cell.strip() for cell in row)


def is_comment(row, width):
    """Whether a row begins with # and is none of the table's, which have `width` cells."""
    return row[0].lstrip().startswith("#") and len(row) != width


def fitted(row, width, path, line, separator):
    """The row with as many cells as the header has: empty ones may be missing or too many."""
    if any(cell.strip() for cell in row[width:]):
        raise Problem("%s: line %d has %d cells, the header %d%s" % (
            path, line, len(row), width, "; put quotes around what has a comma in it, or part the columns by semicolons"
            if separator == "," else ""))
    return (row + [""] * width)[:width]
