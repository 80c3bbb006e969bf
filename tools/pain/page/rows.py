"""The rows of a growing curve for the page, as JSON."""
import csv

import numpy as np

from pain.files import rounded
from pain.video import curve

ROWS = 2000  # rows of a curve sent at a time


def compact(rows):
    """Rows of a curve as lists in the order of Row's fields, for JSON: face by number, None for what is not there."""
    def numbers(values):
        return None if values is None else [round(float(value), 1) for value in np.ravel(values)]
    return [[row.frame, rounded(row.time), row.person, curve.FACES.index(row.face), numbers(row.box),
             rounded(row.confidence), numbers(row.landmarks), row.doubt, *map(rounded, row[8:])] for row in rows]


def rows_from(path, offset):
    """Whole rows of a growing curve.csv from byte `offset`, 0 being the first row's: (compact rows, the next offset).

    Raises ValueError if no row begins there.
    """
    try:
        file = open(str(path), "rb")
    except FileNotFoundError:  # not begun
        return [], offset
    with file:
        if offset == 0:
            for _ in range(3):
                file.readline()
        else:
            if 0 < offset <= path.stat().st_size:
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
    return compact([curve.parse(texts) for texts in csv.reader(lines)]), end
