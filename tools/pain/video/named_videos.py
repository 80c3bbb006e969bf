"""Which videos are meant by names, folders, globs and lists of them, and what the folder of each one's curve is called.

A file is a video. A folder of images is one, too. Of another folder those are that lie in it and in folders below, by
their endings, or if there are none, the folders of images below. Curves, and what was made with them, are none.
"""
from __future__ import annotations

import glob
import os
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pain.errors import Problem
from pain.folders import contents, is_clutter, natural
from pain.images import is_image
from pain.people_tables import decode, read_bytes
from pain.video.curve import about_file
from pain.video.source import CAMERA, as_text

ENDINGS = (".3g2", ".3gp", ".asf", ".avi", ".dv", ".flv", ".gif", ".m2ts", ".m2v", ".m4v", ".mkv", ".mov", ".mp4",
           ".mpeg", ".mpg", ".mts", ".mxf", ".ogg", ".ogv", ".ts", ".vob", ".webm", ".wmv")


class NamedVideo(NamedTuple):
    """A video and what its curve is called."""

    name: str  # of the curve's folder, below that of all curves
    path: str  # of a file, or of a folder of images


class Found(NamedTuple):
    """What names mean."""

    videos: list[NamedVideo]  # each once
    wrong: dict[str, str]  # of what there is no video in, why: by what it was called


class Place(NamedTuple):
    """Where a video is, and how many of the folders above it its name is to show."""

    path: Path
    above: int = 0


def is_single(source: str) -> bool:
    """Whether a name means a video by itself, and no number of them: a file, a folder of images, a camera, an address,
    standard input, or nothing that is there."""
    if os.path.isdir(source):
        return is_folder_of_images(Path(source)) or not videos_in(Path(source))
    return os.path.exists(source) or not (source.startswith("@") or glob.has_magic(source))


def find_videos(sources: Sequence[str], lists: Sequence[str] = ()) -> Found:
    """The videos that are meant by names, each of a file, a folder, a glob, or as @NAME of a list of them, a line each.

    lists: more lists. A video that is meant twice, be it through a link, counts once. Raises Problem for a list that
    cannot be read.
    """
    places, wrong, known = [], {}, {}
    for source in named(sources, lists):
        try:
            for place in places_of(source):
                if known.setdefault(identity(place.path), place) is place:
                    places.append(place)
        except Problem as problem:
            wrong[source] = str(problem)
        except OSError as error:
            wrong[source] = "%s: %s" % (as_text(error.filename or source), error.strerror)
    return Found([NamedVideo(name, str(place.path)) for name, place in zip(names(places), places)], wrong)


def named(sources: Sequence[str], lists: Sequence[str]) -> Iterator[str]:
    """The sources with what lists say in the place of these."""
    for source in sources:
        if source.startswith("@") and not os.path.exists(source):
            yield from listed(source[1:])
        else:
            yield source
    for path in lists:
        yield from listed(path)


def listed(path):
    """What a list names: a line each, without empty lines and those that begin with #."""
    lines = [line.strip() for line in decode(read_bytes(path), path).split("\n")]
    sources = [line for line in lines if line and not line.startswith("#")]
    if not sources:
        raise Problem("%s: names no video; write one a line" % path)
    return sources


def places_of(source: str) -> list[Place]:
    """The Places of the videos that a name means. Raises Problem if there are none."""
    path = Path(source)
    if path.is_dir():
        found = [Place(path)] if is_folder_of_images(path) else [
            Place(video, len(video.relative_to(path).parts) - 1) for video in videos_in(path)]
        if not found:
            raise Problem("%s: neither videos nor images in this folder" % as_text(source))
        return found
    if path.exists():
        return [Place(path)]
    if glob.has_magic(source):
        matches = [match for match in glob.glob(source, recursive=True) if not is_clutter(Path(match).name)]
        found = [place for match in sorted(matches, key=natural) for place in places_of(match)]
        if found:
            return found
    if source == "-" or CAMERA.fullmatch(source) or "://" in source:
        raise Problem("%s: no file; what is no file is rated alone" % source)
    raise Problem("%s: no such file" % as_text(source))


def identity(path: Path) -> tuple[int, int] | str:
    """What is the same for all names of a file."""
    try:
        status = path.stat()
    except OSError:  # a link that leads nowhere
        return os.path.abspath(path)
    return status.st_dev, status.st_ino


def is_folder_of_images(folder: Path) -> bool:
    """Whether a folder is a video, its images the frames: it has some, and no video beside them."""
    files = contents(folder)
    return any(map(is_image, files)) and not any(map(is_video, files)) and not is_of_a_curve(folder)


def videos_in(folder: Path) -> list[Path]:
    """The videos in a folder and all folders below it, or if there are none, the folders of images, in natural order.
    """
    files, folders = [], []
    for top, below, names_here in os.walk(folder):
        below[:] = sorted((name for name in below if not is_clutter(name)), key=natural)
        here = Path(top)
        if is_of_a_curve(here):
            continue
        paths = [here / name for name in sorted(names_here, key=natural) if not is_clutter(name)]
        files += filter(is_video, paths)
        folders += [here] * any(map(is_image, paths))
    return files or folders


def is_video(path: Path) -> bool:
    """Whether a file is one by its ending, in capitals or not."""
    return path.suffix.lower() in ENDINGS


def is_of_a_curve(folder):
    """Whether this is the folder of a curve, with its picture and its annotated video."""
    return about_file(folder / "curve.csv").exists() or (folder / "curve.csv").exists()


def names(places: Sequence[Place]) -> list[str]:
    """What the curve of each Place is called: the file's name without its ending, and the folders above it that its
    Place shows. Where that is the same for several, so many more folders as tell them apart, or the ending, or, where
    only capitals differ or how an accent is written, a number."""
    paths = [Path(os.path.abspath(place.path)) for place in places]
    above, whole = [place.above for place in places], [place.path.is_dir() for place in places]
    count = [1] * len(places)
    while True:
        found = list(map(name_of, paths, above, whole, count))
        alike = {}
        for i, name in enumerate(found):
            alike.setdefault(unicodedata.normalize("NFC", name).casefold(), []).append(i)
        groups = [group for group in alike.values() if len(group) > 1]
        if not groups:
            return found
        for group in groups:
            higher = len({paths[i].parent for i in group}) > 1 and any(above[i] < len(paths[i].parts) for i in group)
            for k, i in enumerate(group):
                above[i] += higher
                count[i] += k * (not higher and all(whole[j] for j in group))
            if not higher:
                for i in group:
                    whole[i] = True


def name_of(path, above, whole, count):
    """One of names(), of an absolute path: with so many of the folders above it, with its ending or without."""
    folders = path.parts[1:-1]
    parts = [*folders[max(0, len(folders) - above):], path.name if whole else path.stem]
    return "/".join(part.lstrip(".") or "_" for part in parts) + (" (%d)" % count if count > 1 else "")
