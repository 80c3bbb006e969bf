"""What is known of the UNBC-McMaster Shoulder Pain archive: its folders, its labels, its counts.

    <root>/Images/<subject>/<video>/<frame>.png                     or .jpg, .bmp ...
    <root>/Frame_Labels/PSPI/<subject>/<video>/<frame>_facs.txt     one number: the frame's PSPI
    <root>/Frame_Labels/FACS/<subject>/<video>/<frame>_facs.txt     a row an active action unit, or an empty file
    <root>/Sequence_Labels/{AFF,OPR,SEN,VAS}/<subject>/<video>.txt  one number: the video's rating

Lucey et al., "Painful data: the UNBC-McMaster shoulder pain expression archive database", FG 2011.
"""
from __future__ import annotations

from pathlib import Path

from pain.datasets.pspi import parse_pspi
from pain.errors import Problem
from pain.folders import contents, natural
from pain.images import SUFFIXES, is_image
from pain.people_tables import decode, number

# In folder order, of the 48,391 frames the authors use (seven black ones of subject 095-tv095 left out).
FRAMES_PER_SUBJECT = (2134, 1120, 1608, 894, 2752, 2609, 773, 1612, 2474, 2038, 1502, 802, 2361,
                      3360, 2819, 3592, 2798, 2041, 2908, 1905, 1327, 1566, 518, 1183, 1695)
VIDEOS_PER_SUBJECT = (8, 9, 7, 7, 8, 10, 2, 6, 8, 7, 5, 3, 9, 14, 9, 16, 14, 8, 13, 8, 5, 8, 3, 6, 7)

HISTOGRAM = 40022, 2909, 2351, 1412, 1044, 653  # of the quantised intensities of those frames
BLACK_FRAMES = {"095-tv095": 7}
TOLERANCE = 0.02  # of a subject's frames: so many more or fewer are still the archive, with a few files lost
VIDEOS_WITHOUT_PAIN, SUBJECTS_WITHOUT_PAIN = 121, 1
SHORTEST, LONGEST = 48, 683  # frames of a video
SIZES = (320, 240), (352, 240)  # width and height of a frame
RATINGS = {"AFF": 14, "OPR": 5, "SEN": 14, "VAS": 10}  # a video's ratings and the highest of each; the lowest is 0


def is_archive(frames: dict[str, int]) -> bool:
    """Whether a dataset is this archive, by its subjects. frames: {name: how many frames, black ones included}."""
    expected = FRAMES_PER_SUBJECT
    return (len(frames) == len(expected) and {"042-ll042", *BLACK_FRAMES} <= set(frames)
            and all(abs(here - there) <= TOLERANCE * there
                    for here, there in zip((frames[name] for name in sorted(frames)), expected)))


def list_videos(root: str | Path) -> list[tuple[str, str]]:
    """The (subject, video) names below `root`/Images, in folder order.

    Raises Problem when there is no such folder, no subject in it, or a subject without a video.
    """
    images = Path(root) / "Images"
    if not images.is_dir():
        raise Problem("%s: no such folder; put the archive's Images and Frame_Labels into %s (see data/README.md)"
                      % (images, root))
    videos = []
    for subject in sorted(folder for folder in contents(images) if folder.is_dir()):
        of_subject = sorted(folder.name for folder in contents(subject) if folder.is_dir())
        if not of_subject:
            raise Problem("%s: a subject without videos; remove the folder or complete it" % subject)
        videos += [(subject.name, video) for video in of_subject]
    if not videos:
        raise Problem("%s: no subject folders in it (see data/README.md)" % images)
    return videos


def list_frames(root: str | Path, subject: str, video: str) -> list[str]:
    """The frame names of a video, in order. Raises Problem if there is none."""
    files, left_out = frame_files(root, subject, video)
    if not files:
        raise Problem("%s: a video without frames (%s)%s; remove the folder or complete it" % (
            Path(root) / "Images" / subject / video, ", ".join(SUFFIXES),
            ", only " + ", ".join(list(left_out)[:3]) if left_out else ""))
    return list(files)


def frame_files(root: str | Path, subject: str, video: str) -> tuple[dict[str, Path], dict[str, str]]:
    """The images of a video's frames, {frame name: path}, in natural order, and other files, {name: why it is none}.

    A frame's name is its file's without the ending.
    """
    files, left_out = {}, {}
    paths = [path for path in contents(Path(root) / "Images" / subject / video) if path.is_file()]
    kinds = {suffix: i for i, suffix in enumerate(SUFFIXES)}
    for path in sorted(paths, key=lambda path: (natural(path.stem), kinds.get(path.suffix.lower(), len(kinds)))):
        if not is_image(path):
            left_out[path.name] = "no image of a kind that is read (%s)" % ", ".join(SUFFIXES)
        elif path.stem in files:
            left_out[path.name] = "a second image of this frame, besides %s" % files[path.stem].name
        else:
            files[path.stem] = path
    return files, left_out


def pspi_file(root: str | Path, subject: str, video: str, frame: str) -> Path:
    """The path of a frame's PSPI label."""
    return Path(root) / "Frame_Labels" / "PSPI" / subject / video / (frame + "_facs.txt")


def facs_file(root: str | Path, subject: str, video: str, frame: str) -> Path:
    """The path of a frame's action units."""
    return Path(root) / "Frame_Labels" / "FACS" / subject / video / (frame + "_facs.txt")


def read_action_units(path: str | Path) -> dict[int, float]:
    """The action units in a frame's FACS file, {number: intensity 0..5}. AU43, closed eyes, is 1 wherever it stands.

    Raises Problem when the file is missing, or has a row that does not begin with an action unit and its intensity.
    """
    try:
        rows = [line.split() for line in read_label(path).splitlines() if line.strip()]
        units = {int(number(row[0])): number(row[1]) for row in rows}
    except (ValueError, OverflowError, IndexError):
        raise Problem("%s: not rows of action units" % path) from None
    if not all(0 <= intensity <= 5 for intensity in units.values()):
        raise Problem("%s: an intensity that is not 0..5" % path)
    if 43 in units:
        units[43] = 1.0
    return units


def read_pspi(path: str | Path) -> float:
    """The PSPI (float, 0..16) in a frame's label file. Raises Problem when missing or not such a number."""
    return parse_pspi(read_label(path), path, number)


def read_label(path):
    """The text of a frame's label file. Raises Problem when it is missing or no text."""
    try:
        return decode(Path(path).read_bytes(), path)
    except FileNotFoundError:
        raise Problem("%s: no such label file; every frame needs one" % path) from None
