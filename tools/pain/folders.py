"""What is in people's folders: in natural order, without what systems and programs leave there."""
from __future__ import annotations

import re
from pathlib import Path

# Of macOS and its archives, of Windows, of Synology's and QNAP's servers, of Linux; in small letters.
CLUTTER = {"__macosx", "icon\r", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information",
           "@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "lost+found"}

LONGEST_NAME = 150  # bytes: a subject's, a video's and a frame's make an LMDB's key, of 511 at most


def is_name(name: str) -> bool:
    """Whether a file or folder may have this name, of LONGEST_NAME bytes at most: it leads nowhere else, and prints."""
    return (name.isprintable() and 0 < len(name.encode()) <= LONGEST_NAME and not set("/\\") & set(name)
            and name not in (".", ".."))


def is_clutter(name: str) -> bool:
    """Whether a file or folder of this name is nobody's data, but what a system or a program has left: .DS_Store."""
    return name.startswith((".", "~$")) or name.lower() in CLUTTER


def natural(name: str) -> tuple[list[str | int], str]:
    """What to sort names by so that numbers in them count as numbers: frame9 comes before frame10."""
    return [int(part) if i % 2 else part for i, part in enumerate(re.split("([0-9]+)", name))], name


def contents(folder: str | Path) -> list[Path]:
    """The paths in `folder` in natural order, without clutter."""
    return sorted((path for path in Path(folder).iterdir() if not is_clutter(path.name)),
                  key=lambda path: natural(path.name))


def files_below(folder: str | Path, name: str) -> list[Path]:
    """The files called `name` in `folder` and all folders below it, sorted, none of them in clutter."""
    return [path for path in sorted(Path(folder).rglob(name))
            if not any(map(is_clutter, path.relative_to(folder).parts))]
