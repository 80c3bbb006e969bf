"""Which labels are of which video, and whose face each video shows: people's own names put together.

Labels are of the video that they name (a table's column video, ELAN's and BORIS's media), or else of the one that
their file is called as: visit 1.mp4's are in visit 1.csv, visit 1_anna.eaf or visit 1.mp4.txt. A video's subject is
what the labels say (the column subject), or else what its name does: sub-01_ses-2.mp4, or by a pattern.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pain.errors import Problem
from pain.files import sha256
from pain.folders import is_clutter, is_name
from pain.labels.record import Labels
from pain.video_names import NamePattern, alike, folded, parts_of, plain, said_by

NAMES_OF_SUBJECTS = "sub", "subject", "participant"  # in a pattern
PARTS = " _-.()"  # what may follow a video's name in that of its label file


class LabelledVideo(NamedTuple):
    """A video of the dataset to be."""

    subject: str
    video: str  # its name in the dataset
    path: str  # of the file, or of the folder of images
    labels: Sequence[Labels]  # one or more raters'
    files: Sequence[str]  # the names of the files that these stand in


def matched(videos: Mapping[str, str], labels: Sequence[tuple[str, Labels]],
            pattern: NamePattern | None = None) -> list[LabelledVideo]:
    """The videos that have labels, in the order of `videos`.

    videos: {name, which may have folders in it: path}; labels: of each file its path and what is in it. Raises Problem
    for labels of no video or of one that is not clear, for a video without a subject or with two, and for a subject in
    two spellings.
    """
    of_video, named = {}, {}
    for file, read in labels:
        named.setdefault(file, set()).add(read.video)
    for file, read in labels:
        of_video.setdefault(owner(videos, file, read.video, len(named[file]) > 1), []).append((file, read))
    subjects = {name: subject_of(name, of_video[name], pattern) for name in videos if name in of_video}
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


def owner(videos: Mapping[str, str], file: str, named: str, of_several: bool = False) -> str:
    """The name of the video that labels in a file are of. Raises Problem if there is none, or more than one.

    named: what the file says, or ""; of_several: whether it names other videos, too. Of one alone it need not be right:
    a video may have had another name when it was labelled.
    """
    for said, score in (named, named_alike), ("" if of_several else file, begins_as):
        scores = {name: max(score(said, name), score(said, path)) for name, path in videos.items()} if said else {}
        best = [name for name in scores if scores[name] == max(scores.values()) > (0, 0)]
        if len(best) > 1:
            raise Problem("%s: labels of %s, which is %s or %s; write more of the path" % (file, said, *best[:2]))
        if best:
            return best[0]
    raise Problem("%s: labels of %s, but there is no such video" % (file, named) if named else
                  "%s: no video is called so; call the file as its video, or name that in a column video" % file)


def named_alike(name: str, path: str) -> tuple[int, int]:
    """How much of a video's path a name repeats, as begins_as() has it."""
    return alike(name, path), 0


def begins_as(file: str, path: str) -> tuple[int, int]:
    """How much of a label file's name is that of a video, and how many folders above are called alike.

    The first is 0 unless the name begins with all of the video's.
    """
    (*folders, _), (*above, video) = ([folded(part) for part in parts_of(text)] for text in (file, path))
    name = folded(Path(file).name)
    if not name.startswith(video) or name[len(video):len(video) + 1].strip(PARTS):
        return 0, 0
    alike_above = [one == other for one, other in zip(folders[::-1], above[::-1])]
    return len(video), (alike_above + [False]).index(False)


def subject_of(name, labels, pattern):
    """Whose face is in a video. labels: (file, Labels) pairs of it. Raises Problem where that is open."""
    given = {}
    for file, read in labels:
        if read.subject:
            given.setdefault(plain(read.subject), (read.subject, file))
    said = said_by(name, pattern)
    by_name = next((said[key] for key in NAMES_OF_SUBJECTS if said.get(key)), "")
    if by_name and pattern is None:
        by_name = "sub-" + by_name
    if by_name:
        given.setdefault(plain(by_name), (by_name, "its name"))
    if len(given) > 1:
        (one, there), (other, here) = list(given.values())[:2]
        raise Problem("%s: subject %s by %s, but %s by %s; correct one of them" % (name, one, there, other, here))
    if not given:
        raise Problem("%s: whose face is it? name a column subject, call videos as sub-01_task-arm, or say how names "
                      "are to be read by --pattern {sub}_{task}" % name)
    (subject, _), = given.values()
    return checked(subject, "the subject %s" % subject)


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
