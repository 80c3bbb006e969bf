"""frames.csv, the list of a dataset's aligned frames and their labels, as `make align` writes it."""
from __future__ import annotations

from pathlib import Path
from typing import Iterable, Iterator, NamedTuple

from pain.datasets.pspi import parse_pspi, quantise
from pain.errors import Problem
from pain.files import fingerprint, read_csv
from pain.folders import is_name

ALIGNED = "detected", "interpolated"
COLUMNS = "subject", "video", "frame", "pspi", "status"
MADE_BY = "make align"


class LabelledFrame(NamedTuple):
    """A row of frames.csv."""
    subject: str
    video: str
    frame: str
    label: int  # 0..5
    is_aligned: bool  # whether there is an aligned image
    row: dict[str, str]  # all of its columns

    @property
    def image(self) -> str:
        """The path of the aligned image, below the folder of all."""
        return "%s/%s/%s.png" % (self.subject, self.video, self.frame)


def read_frames(frames_csv: str | Path) -> Iterator[LabelledFrame]:
    """Yield the frames in `frames_csv`, a LabelledFrame a row.

    Raises Problem when it is missing, and for a row with another label or status than there is, with a name that is
    none for a file or a folder, or with a frame that an earlier row has.
    """
    known = set()
    for line, row in enumerate(read_csv(frames_csv, COLUMNS, MADE_BY), 2):
        where = "%s: line %d" % (frames_csv, line)
        key = row["subject"], row["video"], row["frame"]
        for column, name in zip(COLUMNS, key):
            if not is_name(name):
                raise Problem("%s: %s %r is no name for a file or folder; make it again with `%s`"
                              % (where, column, name[:40], MADE_BY))
        if key in known:
            raise Problem("%s: frame %s is listed twice; make it again with `%s`" % (where, "/".join(key), MADE_BY))
        known.add(key)
        label = int(quantise(parse_pspi(row["pspi"], where)))
        if row["status"] not in (*ALIGNED, "missing"):
            raise Problem("%s: status %r is not detected, interpolated or missing" % (where, row["status"]))
        yield LabelledFrame(*key, label, row["status"] in ALIGNED, row)


def fingerprint_of(aligned: str | Path, images: Iterable[str]) -> str:
    """The fingerprint of aligned images' contents. images: paths below `aligned`. Raises Problem where one is missing.
    """
    try:
        return fingerprint(*(Path(aligned) / image for image in images))
    except FileNotFoundError as error:
        raise Problem("%s: no such image; run `%s`" % (error.filename, MADE_BY)) from error
