"""Which labels are of which video, by which rater, and whose face it shows: people's own names put together.

Labels are of the video that they name (a table's column video, ELAN's and BORIS's media), or else of the one that their
file is called as: visit 1.mp4's are in visit 1.csv, visit 1_anna.eaf, visit 1.mp4.txt or anna/visit 1.csv, and where no
column and no tier names the rater, so do these. A video's subject is what the labels say (the column subject), or else
what its name does: sub-01_ses-2.mp4, or by a pattern.
"""
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pain.errors import Problem
from pain.folders import contents
from pain.labels.record import Labels, rater_name
from pain.video_names import ENDING, NamePattern, alike, folded, parts_of, plain, said_by

SUFFIXES = ".csv", ".tsv", ".txt", ".eaf"  # of label files in folders
NAMES_OF_SUBJECTS = "sub", "subject", "participant"  # in a pattern
PARTS = " _-.()"  # what may follow a video's name in that of its label file
NOBODY = re.compile(r"[\W_]*(labels?|ratings?|annotations?|events|boris|elan)?[\W_]*")  # what is no rater's name


def find_label_files(paths: Iterable[str | Path]) -> Iterator[Path]:
    """The label files that are meant: files, and those in folders and in the folders below. Raises Problem for none."""
    for path in map(Path, paths):
        files = list(in_folder(path)) if path.is_dir() else [path]
        if not files:
            raise Problem("%s: no label files in this folder (%s)" % (path, ", ".join(SUFFIXES)))
        yield from files


def in_folder(folder):
    """The label files in a folder and all below it, in natural order."""
    for path in contents(folder):
        if path.is_dir():
            yield from in_folder(path)
        elif path.suffix.lower() in SUFFIXES:
            yield path


def owner(videos: Mapping[str, str], file: str, named: str, of_several: bool = False) -> str:
    """The name of the video that labels in a file are of. Raises Problem if there is none, or more than one.

    videos: {name, which may have folders in it: path}; named: what the file says, or ""; of_several: whether it names
    other videos, too. Of one alone it need not be right: a video may have had another name when it was labelled.
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


def owned(videos: Mapping[str, str], file: str, read: Sequence[Labels]) -> list[tuple[str, Labels]]:
    """All that was read from a file, with the owner() of each: (video, Labels) pairs. Raises Problem as that does."""
    of_several = len({labels.video for labels in read}) > 1
    return [(owner(videos, file, labels.video, of_several), labels) for labels in read]


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


def subject_of(name: str, labels: Sequence[tuple[str, Labels]], pattern: NamePattern | None = None) -> str:
    """Whose face is in a video, by its labels, (file, Labels) each, or its name. Raises Problem where that is open."""
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
    return subject


def with_raters(videos: Mapping[str, str],
                found: Mapping[str, Sequence[tuple[str, Labels]]]) -> dict[str, list[tuple[str, Labels]]]:
    """Labels, {video: [(file, Labels)]}, with a rater each, where names tell. videos: as owner() takes them.

    Where neither column nor tier has named the rater it is what follows the video's name in that of the file; or if
    this does not tell the labels of one video apart, the file's folder, or its whole name.
    """
    unnamed = [(video, file) for video, pairs in found.items() for file, labels in pairs if not labels.rater]
    names = {}
    for said_by_file in after_name, folder_of, whole_name:
        said = {(video, file): said_by_file((video, videos[video]), file) for video, file in unnamed}
        if len({(video, name) for (video, _), name in said.items()}) == len(unnamed):
            names = said
            break
    return {video: [(file, labels if labels.rater else labels._replace(rater=names.get((video, file), "")))
                    for file, labels in pairs] for video, pairs in found.items()}


def after_name(videos, file):
    """What follows a video's name, one of `videos`, in that of the file, if it is a rater's; else nothing."""
    name = folded(Path(file).name)
    begins = [folded(parts_of(video)[-1]) for video in videos]
    rest = next((name[len(begin):] for begin in begins if name.startswith(begin)), "")
    while ENDING.search(rest):  # .csv, and .mp4 before it
        rest = ENDING.sub("", rest)
    return "" if NOBODY.fullmatch(rest) else rater_name(rest.strip(PARTS))


def folder_of(videos, file):
    """The folder that the file is in."""
    return rater_name(["", *parts_of(file)][-2])


def whole_name(videos, file):
    """The file's name."""
    return rater_name(parts_of(file)[-1])
