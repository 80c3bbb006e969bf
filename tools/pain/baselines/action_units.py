"""PSPI from the action units of a toolbox, or of the archive's own coders: pain without training, or fitted after it.

    PSPI = AU4 + max(AU6, AU7) + max(AU9, AU10) + AU43, in intensities 0..5, AU43, closed eyes, 0 or 1

Toolboxes differ in the units they give, their scales and whether they know closed eyes: TOOLBOXES says how each is
read. A unit that a toolbox lacks counts as 0, so that of two in a max the other one counts.
"""
from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple, Sequence

import numpy as np

from pain.datasets.pspi import CLASSES, quantise
from pain.datasets.unbc import facs_file, read_action_units
from pain.errors import Problem
from pain.folders import contents
from pain.people_tables import read_people_table

UNITS = 4, 6, 7, 9, 10  # with intensities
HIGHEST = 5.0  # of an intensity
NAMES_OF_FRAMES = "input", "image", "filename", "file", "name"  # columns that may have the frames' files
CONFIDENCES = "confidence", "facescore", "face_score"
FITS = "none", "linear", "isotonic"


class Toolbox(NamedTuple):
    """How a program's CSV is read. Names of columns are as pain.people_tables has them.

    name: in files and tables; column: of a unit, a text like "au%02d_r"; most: the number that stands for intensity 5
    first: the number of a video's first frame, where frames are numbered; number: that column
    closed: the columns that may have AU43, the first one that is there being taken, as most_closed of 1
    """
    name: str
    title: str
    column: str
    most: float
    first: int
    number: str
    closed: Sequence[str] = ()

    def is_of(self, table):
        """Whether a table is this program's."""
        return table.has(self.column % 4) and (self.name != "py_feat" or table.has("au43"))

    def column_closed(self, table):
        """The column that AU43 is had from, or None."""
        return next(filter(table.has, self.closed), None)


TOOLBOXES = (
    # AU45 is the blink: closed for a moment, and so is any frame of it; its presence (_c) is 0 or 1, _r is 0..5
    Toolbox("openface_2", "OpenFace 2", "au%02d_r", 5, 1, "frame", ("au45_c", "au45_r")),
    Toolbox("libreface", "LibreFace", "au_%d_intensity", 5, 0, "frame_idx"),
    Toolbox("py_feat", "py-feat", "au%02d", 1, 0, "frame", ("au43",)),
    Toolbox("openface_3", "OpenFace 3", "au%d", 1, 0, "frame"),
    Toolbox("openface_3", "OpenFace 3", "au%02d", 1, 0, "frame"),
)
KNOWN = sorted({toolbox.column % unit for toolbox in TOOLBOXES for unit in UNITS} | {"frame", "frame_idx", "success"})
ONE_OF = "OpenFace 2 (AU04_r), OpenFace 3 (AU4), py-feat (AU04 and AU43), LibreFace (au_4_intensity)"


class Reading(NamedTuple):
    """PSPI of a video's frames, (T,) float64, NaN where there was no face; name and how: of what made it, in words."""
    pspi: np.ndarray
    name: str
    how: str


def pspi_of(units, closed):
    """PSPI, (T,) float64. units: {4, 6, 7, 9, 10: (T,) intensities 0..5}, those that there are; closed: (T,) 0..1."""
    four, six, seven, nine, ten = (units.get(unit, np.zeros(len(closed))) for unit in UNITS)
    return four + np.maximum(six, seven) + np.maximum(nine, ten) + closed


def read_table(path: str | Path, frames: Sequence[str]) -> Reading:
    """The Reading of a toolbox's CSV of a video. frames: the names of the video's frames, in order.

    A row belongs to the frame whose file it names, or else by its number. Of several faces in a frame the one of the
    highest confidence counts, or the first one. Raises Problem when the table is of no known toolbox, or of other
    frames.
    """
    table = read_people_table(path, KNOWN)
    toolbox = next((toolbox for toolbox in TOOLBOXES if toolbox.is_of(table)), None)
    if toolbox is None:
        raise Problem("%s: action units of no program known here; its columns should be those of %s" % (path, ONE_OF))
    there = [unit for unit in UNITS if table.has(toolbox.column % unit)]
    columns = table.numbers(*(toolbox.column % unit for unit in there))
    units = {unit: np.clip(values / toolbox.most, 0, 1) * HIGHEST for unit, values in zip(there, columns)}
    column = toolbox.column_closed(table)
    closed = np.zeros(len(table.rows)) if column is None else table.numbers(column)[0]
    closed = (closed >= 1) * 1.0 if column == "au45_r" else np.clip(closed, 0, 1)
    values = pspi_of(units, closed)
    if table.has("success"):
        values[table.numbers("success")[0] != 1] = np.nan
    pspi, best = np.full(len(frames), np.nan), np.full(len(frames), -np.inf)
    for frame, value, sure in zip(places(table, toolbox, frames), values, confidence(table)):
        if not np.isnan(value) and sure > best[frame]:
            pspi[frame], best[frame] = value, sure
    return Reading(pspi, toolbox.name, in_words(toolbox, there, column))


def in_words(toolbox, there, column):
    """How a toolbox's units were read."""
    lacking = ", ".join("AU%d" % unit for unit in UNITS if unit not in there)
    return "%s: units of 0..%g as 0..5%s; AU43 %s" % (
        toolbox.title, toolbox.most, "; without " + lacking if lacking else "",
        {None: "unknown, so 0", "au45_r": "where AU45_r, a blink, is 1 or more", "au45_c": "where AU45_c, a blink, is 1"
         }.get(column, "as AU43, 0..1"))


def confidence(table):
    """How sure each row's face is, (N,) float64; 0 where nothing says so."""
    column = next(filter(table.has, CONFIDENCES), None)
    return np.zeros(len(table.rows)) if column is None else np.nan_to_num(table.numbers(column)[0])


def places(table, toolbox, frames):
    """Of which frame each row is, from 0, (N,) int. Raises Problem for rows of frames that the video does not have."""
    numbers = {frame: i for i, frame in enumerate(frames)}
    for column in filter(table.has, NAMES_OF_FRAMES):
        stems = [re.sub(r"\.\w+$", "", re.split(r"[\\/]", text)[-1]) for text in table.texts(column)]
        if numbers.keys() & set(stems):
            wrong = [i for i, stem in enumerate(stems) if stem not in numbers]
            if wrong:
                raise Problem("%s: %s is no frame of this video" % (table.place % table.lines[wrong[0]],
                                                                    stems[wrong[0]]))
            return np.array([numbers[stem] for stem in stems])
    given, = table.numbers(toolbox.number)
    wrong = np.flatnonzero(~np.isin(given - toolbox.first, np.arange(len(frames))))
    if len(wrong):
        raise Problem("%s: %s is no frame of this video; %s numbers its %d frames from %d" % (
            table.place % table.lines[wrong[0]], table.texts(toolbox.number)[wrong[0]], toolbox.title, len(frames),
            toolbox.first))
    return (given - toolbox.first).astype(int)


def read_coders(root: str | Path, subject: str, video: str, frames: Sequence[str]) -> Reading:
    """The Reading of the archive's own FACS files below `root`. Raises Problem when one is missing or damaged."""
    coded = [read_action_units(facs_file(root, subject, video, frame)) for frame in frames]
    units = {unit: np.array([frame.get(unit, 0.0) for frame in coded]) for unit in UNITS}
    return Reading(pspi_of(units, np.array([frame.get(43, 0.0) for frame in coded])), "facs",
                   "the archive's own coders: units of 0..5, AU43 as coded")


def find_table(folder: str | Path, subject: str, video: str) -> Path:
    """A video's CSV: folder/subject/video.csv or folder/video.csv. Raises Problem when there is neither, or both."""
    found = [path for path in (Path(folder) / subject / (video + ".csv"), Path(folder) / (video + ".csv"))
             if path.exists()]
    if len(found) != 1:
        raise Problem("%s: %s of subject %s, video %s; a video's table is %s.csv, or that in a folder %s" % (
            folder, "two tables" if found else "no table", subject, video, video, subject))
    return found[0]


def is_archive(folder: str | Path) -> bool:
    """Whether a folder has the archive's FACS files, not a toolbox's tables."""
    return (Path(folder) / "Frame_Labels" / "FACS").is_dir() and not any(
        path.suffix == ".csv" for path in contents(folder))


def filled(pspi: np.ndarray) -> np.ndarray:
    """`pspi` with the frames that have none, NaN, between their neighbours; 0 where no frame of the video has any."""
    seen = np.flatnonzero(~np.isnan(pspi))
    return np.interp(np.arange(len(pspi)), seen, pspi[seen]) if len(seen) else np.zeros(len(pspi))


def intensities(pspi: Sequence[np.ndarray], labels: Sequence[np.ndarray], fit: str) -> list[np.ndarray]:
    """Subjects' PSPI as intensities 0..5: quantised as labels are, or fitted to the other subjects' labels.

    pspi, labels: (N,) a subject. fit: "none", "linear" (a scale and an offset, cut to 0..5) or "isotonic" (any curve
    that does not fall), by least squares. Raises Problem when there is no other subject to fit to.
    """
    if fit == "none":
        return [quantise(values).astype(float) for values in pspi]
    if len(pspi) < 2:
        raise Problem("--fit %s: it takes the labels of other subjects, and there is one subject" % fit)
    fitted = []
    for left_out, values in enumerate(pspi):
        x, y = (np.concatenate([array for i, array in enumerate(arrays) if i != left_out]) for arrays in (pspi, labels))
        fitted.append(np.clip((fit_line if fit == "linear" else fit_isotonic)(x, y)(values), 0, CLASSES - 1))
    return fitted


def fit_line(x, y):
    """The line through (N,) points as a function; the mean of y where all x are the same."""
    spread = x - x.mean()
    slope = spread.dot(y) / spread.dot(spread) if spread.any() else 0.0
    return lambda values: y.mean() + slope * (values - x.mean())


def fit_isotonic(x, y):
    """The curve nearest to (N,) points among those that do not fall, as a function, straight between the points.

    Neighbours of which the later one is lower are pooled until there are none.
    """
    places, where, counts = np.unique(x, return_inverse=True, return_counts=True)
    pools = []  # of mean, weight and points
    for mean, weight in zip(np.bincount(where.ravel(), y) / counts, counts):
        pools.append([mean, weight, 1])
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            mean, weight, points = pools.pop()
            last = pools[-1]
            last[0] = (last[0] * last[1] + mean * weight) / (last[1] + weight)
            last[1] += weight
            last[2] += points
    heights = np.repeat([pool[0] for pool in pools], [pool[2] for pool in pools])
    return lambda values: np.interp(values, places, heights)
