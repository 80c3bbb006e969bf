"""Which nets made a result, where records beside its predictions.csv say so."""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pain.folders import files_below
from pain.notice import description, short_notice
from pain.provenance import ARCHIVE, merged, read_origin, record_of

if TYPE_CHECKING:
    from pain.evaluation.frames import Result
    from pain.provenance import Origin


def origin_of_result(path: str | Path) -> Origin | None:
    """The Origin of the nets that made the predictions at `path`, a file or a folder tree of predictions.csv.

    None where nothing speaks of nets: beside no predictions.csv is there a record, or a caffemodel.
    """
    path = Path(path)
    files = files_below(path, "predictions.csv") if path.is_dir() else [path]
    if not path.exists():  # a result of arrays
        return None
    if not any(record_of(file).exists() or any(file.parent.glob("*.caffemodel")) for file in files):
        return None
    return merged([read_origin(file) for file in files])


def origin_lines(results: list[Result]) -> list[str]:
    """What is known of the nets of each Result, a line each; of those of which nothing is, none."""
    origins = [(result.name, origin_of_result(result.path)) for result in results]
    return ["%s: %s" % (name, description(origin)) for name, origin in origins if origin]


def origin_warning(results: list[Result]) -> str:
    """The short notice of the least trustworthy nets among those of Results; empty if the archive has taught all."""
    origins = [origin for origin in (origin_of_result(result.path) for result in results) if origin]
    origin = merged(origins) if origins else None
    return short_notice(origin) if origin and origin.kind != ARCHIVE else ""
