"""The pain curve of a video in memory: its rows, and all that can be made of them."""
from __future__ import annotations

import dataclasses
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pain.errors import needed_for
from pain.files import read_json
from pain.labels.reading import read_labels
from pain.notice import notice, short_notice
from pain.provenance import origin_said
from pain.video import curve
from pain.video.episodes import MINIMUM, THRESHOLDS
from pain.video.labels import compare, placed
from pain.video.smoothing import Filter, smooth
from pain.video.summary import summary
from pain.video.tracks import in_order, tracks

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from pain.provenance import Origin
    from pain.video.tracks import Track


@dataclasses.dataclass(frozen=True, repr=False)
class Curve:
    """The pain curve of a video, as rate_video() and read_curve() give it. Iterating over it gives its rows."""

    about: dict[str, Any]  # what it is of: the source, the models, the settings, as in curve.about.json
    rows: list[curve.Row]  # a frame's and a person's each, in the order of the frames
    filter: Filter | None = None  # what has filled the column smoothed

    def __iter__(self) -> Iterator[curve.Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def origin(self) -> Origin:
        """Where the nets come from: synthetic faces, the archive, own data, or nobody knows."""
        return origin_said(self.about)

    @property
    def notice(self) -> str:
        """What must be said of the curve wherever it is shown, in two or three sentences."""
        return notice(self.origin)

    @property
    def times(self) -> np.ndarray:
        """The frames' times on a player's clock (media_time_s), (N,) float64, in seconds."""
        return in_order(self.rows)[1]

    @property
    def people(self) -> list[Track]:
        """The people as arrays over the N frames: person, found, interpolated, doubted, intensity, spread, ..."""
        return tracks(self.rows)

    def smoothed(self, kind: str, seconds: float) -> Curve:
        """The curve with its column smoothed filled, by a "gaussian" of that deviation, or a "median" of that width.

        Raises Problem for another kind.
        """
        return dataclasses.replace(self, rows=smooth(self.rows, kind, seconds), filter=Filter(kind, seconds))

    def summary(self, thresholds: Sequence[float] = THRESHOLDS, minimum: float = MINIMUM,
                truth: str | os.PathLike | None = None) -> dict[str, Any]:
        """Mean, peak, and time and episodes above thresholds, a dict a person under "people"; ready for JSON.

        minimum: of an episode, in seconds. truth: a file of labels (pain/labels/reading.py), with which
        "agreement" is filled.
        """
        summed_up = summary(self.about, self.rows, thresholds, minimum)
        if truth is not None:
            summed_up["agreement"] = compare(self.rows, read_labels(truth), "smoothed" if self.filter else "intensity")
        return summed_up

    def to_pandas(self) -> pandas.DataFrame:
        """A row a frame and person, with the columns of curve.csv; its attrs hold `about` and the notice.

        Raises Problem where pandas is missing.
        """
        with needed_for("to_pandas"):
            import pandas
        columns = {name: [] for name in curve.ROW_COLUMNS}
        for row in self.rows:
            for field, value in zip(row._fields, row):
                names = curve.COLUMNS_OF[field]
                for name, number in zip(names, [np.nan] * len(names) if value is None else np.ravel(value)):
                    columns[name].append(number)
        table = pandas.DataFrame(columns)
        table.insert(0, "video", curve.video_of(self.about))
        table["notice"] = short_notice(self.origin)
        table.attrs.update(about=self.about, notice=self.notice)
        return table

    def plot(self, threshold: float = THRESHOLDS[0], truth: str | os.PathLike | None = None) -> Figure:
        """The curve as a matplotlib Figure, its episodes of at least `threshold` shaded. truth: a file of labels.

        Raises Problem where matplotlib is missing.
        """
        with needed_for("plot"):
            from pain.video.plot import draw
        labels = None if truth is None else placed(self.rows, read_labels(truth))[0]
        return draw(self.about, self.rows, threshold, labels)

    def save(self, folder: str | os.PathLike, thresholds: Sequence[float] = THRESHOLDS,
             truth: str | os.PathLike | None = None) -> dict[str, Any]:
        """Write curve.csv, curve.png and curve.json into `folder`, as predict_video.py does. Returns the summary."""
        with needed_for("save"):
            from pain.video.curve_folder import write_files
        return write_files(Path(folder), self.about, self.rows, self.filter, thresholds,
                           None if truth is None else read_labels(truth))

    def _repr_png_(self) -> bytes:
        """What a notebook shows of it."""
        png = io.BytesIO()
        self.plot().savefig(png, format="png", dpi=120, bbox_inches="tight")
        return png.getvalue()

    def __repr__(self) -> str:
        return "<Curve of %s: %d frames; %s>" % (self.about.get("source"), len(self.times), short_notice(self.origin))


def read_curve(path: str | os.PathLike) -> Curve:
    """The Curve in a curve.csv, or in the folder of one, of predict_video.py or Curve.save().

    What has smoothed it is known from the curve.about.json beside, if there is one. Raises Problem when it is no curve.
    """
    path = Path(path)
    path = path / "curve.csv" if path.is_dir() else path
    about, rows = curve.read_curve(path)
    try:
        smoothing = Filter(**read_json(curve.about_file(path))["smoothing"])
    except (OSError, ValueError, KeyError, TypeError):
        smoothing = None
    return Curve(about, rows, smoothing)
