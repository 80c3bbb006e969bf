"""The record that tells a dataset which tools/import_videos.py has made from the archive, whose layout it has."""
from __future__ import annotations

from pathlib import Path

from pain.files import read_json
from pain.folders import is_name

RECORD = "own_data.json"  # in the dataset's folder


def imported_name(root: str | Path) -> str:
    """The name of an imported dataset; "" if it is none."""
    try:
        name = read_json(Path(root) / RECORD)["name"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return name if isinstance(name, str) and is_name(name) else ""
