"""A growing curve for the page: its rows as JSON, from where the page has read to."""
import csv
import os
from pathlib import Path

from pain.video.curve import Row, parse, plain

ROWS = 2000  # of a curve sent at a time


def table(rows: list[Row]) -> dict:
    """Rows as a dict ready for JSON: `columns`, the names of a Row's fields, and `rows`, a list of values each."""
    return {"columns": Row._fields, "rows": list(map(plain, rows))}


def rows_from(path: Path, offset: int) -> tuple[list[Row], int]:
    """Whole Rows of a growing curve.csv from byte `offset`, 0 being the first row's: (Rows, the next offset).

    Raises ValueError if no row begins there.
    """
    try:
        file = open(str(path), "rb")
    except FileNotFoundError:  # not begun
        return [], offset
    with file:
        if offset == 0:
            file.readline()
        else:
            if 0 < offset <= os.fstat(file.fileno()).st_size:
                file.seek(offset - 1)
            if file.read(1) != b"\n":
                raise ValueError("no row begins there")
        lines, end = [], file.tell()
        for line in file:
            if not line.endswith(b"\n") or len(lines) == ROWS:
                break
            lines.append(line.decode())
            end += len(line)
    if not lines:
        return [], offset
    return [parse(texts[1:-1]) for texts in csv.reader(lines)], end
