"""What the videos of a dataset are called, and which labels are theirs: by names, as pain/labels/matching.py has it."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pain.errors import Problem
from pain.files import sha256
from pain.folders import is_clutter, is_name
from pain.labels.matching import owned, subject_of
from pain.labels.record import Labels
from pain.video_names import NamePattern, parts_of, plain


class LabelledVideo(NamedTuple):
    """A video of the dataset to be."""

    subject: str
    video: str  # its name in the dataset
    path: str  # of the file, or of the folder of images
    labels: Sequence[Labels]  # one or more raters'
    files: Sequence[str]  # the names of the files that these stand in


def matched(videos: Mapping[str, str], labels: Mapping[str, Sequence[Labels]],
            pattern: NamePattern | None = None) -> list[LabelledVideo]:
    """The videos that have labels, in the order of `videos`.

    videos: {name, which may have folders in it: path}; labels: {file: what is in it}. Raises Problem for labels of no
    video or of one that is not clear, for a video without a subject or with two, and for a subject in two spellings.
    """
    of_video = {}
    for file, read in labels.items():
        for name, each in owned(videos, file, read):
            of_video.setdefault(name, []).append((file, each))
    subjects = {name: subject_of(name, of_video[name], pattern) for name in videos if name in of_video}
    for subject in subjects.values():
        checked(subject, "the subject %s" % subject)
    spelt = {}
    for name, subject in subjects.items():
        other, said_first = spelt.setdefault(plain(subject), (subject, name))
        if other != subject:
            raise Problem("subject %s of %s and %s of %s: one person or two? write a name in one way" % (
                other, said_first, subject, name))
    called = video_names(subjects)
    return [LabelledVideo(subject, called[name], videos[name], tuple(read for _, read in of_video[name]),
                          tuple(dict.fromkeys(Path(file).name for file, _ in of_video[name])))
            for name, subject in subjects.items()]


def video_names(subjects: Mapping[str, str]) -> dict[str, str]:
    """What each of some videos is called in the dataset: its own name, and the folders where a subject has it twice."""
    count = {}
    for name, subject in subjects.items():
        key = subject, plain(parts_of(name)[-1])
        count[key] = count.get(key, 0) + 1
    names = {name: "_".join(parts_of(name) if count[subject, plain(parts_of(name)[-1])] > 1 else parts_of(name)[-1:])
             for name, subject in subjects.items()}
    taken = {}
    for name, subject in subjects.items():
        other = taken.setdefault((subject, names[name].casefold()), name)
        if other != name:
            raise Problem("%s and %s: two videos of one name; give one another" % (other, name))
    return {name: checked(video, name) for name, video in names.items()}


def checked(name, what):
    """`name`. Raises Problem where it is none for a folder."""
    if not is_name(name) or is_clutter(name) or name != name.strip():
        raise Problem("%s: no name for a folder, or too long; call it otherwise" % what)
    return name


def repeated(videos: Sequence[LabelledVideo]) -> dict[str, str]:
    """Of videos that are the very same file, {path: that of the one among them with the most labels, of several the
    first}."""
    of_size, same = {}, {}
    for video in videos:
        if Path(video.path).is_file():
            of_size.setdefault(Path(video.path).stat().st_size, []).append(video)
    for group in of_size.values():
        for video in group if len(group) > 1 else ():
            same.setdefault(sha256(video.path), []).append(video)
    best = {video.path: max(group, key=lambda one: sum(len(read.label) for read in one.labels)).path
            for group in same.values() for video in group}
    return {path: other for path, other in best.items() if path != other}
