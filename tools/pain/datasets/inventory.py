"""What there is in the folder of a dataset: its images, labels and ratings, all of them read."""
from __future__ import annotations

import concurrent.futures
import hashlib
from pathlib import Path
from typing import NamedTuple

from pain.datasets import unbc
from pain.datasets.black_frames import BLACK, read_frame
from pain.errors import Problem
from pain.files import read_csv
from pain.folders import is_clutter
from pain.images import read_image
from pain.people_tables import decode, number
from pain.progress import progress

AT_A_TIME = 16  # frames in memory while faces are looked for


class Frame(NamedTuple):
    """A frame's image."""

    size: tuple[int, int] | None  # width, height; None where it cannot be read
    problem: str | None  # what is wrong with it
    black: bool  # whether it shows nothing
    digest: bytes | None  # of its pixels
    path: Path | None = None


class Dataset(NamedTuple):
    """All that was read of a dataset's folder, by (subject, video, frame).

    What is wrong with a file, a str, stands in the place of its value.
    """

    root: Path
    frames: dict[tuple[str, str, str], Frame]  # those with an image, in order
    labels: dict[tuple[str, str, str], float | str]  # PSPI, of frames with an image and of others
    units: dict[tuple[str, str, str], dict[int, float] | str]  # action units, {AU: intensity}
    ratings: dict[tuple[str, str, str], float | str]  # of (kind, subject, video)
    faces: dict[tuple[str, str, str], bool] | None  # whether one was found; None if nobody looked
    left_out: dict[tuple[str, str, str], str] = {}  # files among the frames that are none of them, and why


def read_dataset(root, jobs, faces=None):
    """Everything there is below `root`, as a Dataset. Images are read by `jobs` threads."""
    videos = unbc.list_videos(root)
    paths, left_out = {}, {}
    for subject, video in videos:
        files, others = unbc.frame_files(root, subject, video)
        paths.update(((subject, video, frame), path) for frame, path in files.items())
        left_out.update(((subject, video, name), why) for name, why in others.items())
    keys = list(paths)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        frames = list(progress(pool.map(look_at, paths.values()), total=len(paths), unit="frame", desc="frames"))
    return Dataset(Path(root), dict(zip(keys, frames)), read_labels(root, "PSPI", keys, unbc.read_pspi),
                   read_labels(root, "FACS", keys, unbc.read_action_units), read_ratings(root, videos), faces,
                   left_out)


def look_at(path):
    """The Frame in an image file."""
    try:
        image = read_image(path)
    except Problem as problem:
        return Frame(None, str(problem)[len(str(path)) + 2:], False, None, path)
    black = image[..., :3].max() < BLACK
    problem = None if black or is_colour(image) else "grey"
    return Frame(image.shape[1::-1], problem, black, hashlib.md5(image.tobytes()).digest(), path)


def is_colour(image):
    """Whether an image, (height, width) or (height, width, channels) uint8, has a pixel that is not grey."""
    return image.ndim == 3 and image.shape[2] > 2 and (image[..., :2] != image[..., 1:3]).any()


def read_labels(root, kind, keys, read):
    """The labels of one kind: of `keys`, those that there are, and of all files besides. {key: value, or a str}."""
    folder, ending = Path(root) / "Frame_Labels" / kind, "_facs.txt"
    found = {(*path.parts[-3:-1], path.name[:-len(ending)]): path for path in sorted(folder.glob("*/*/*" + ending))
             if not any(map(is_clutter, path.parts[-3:]))}
    labels = {}
    for key in sorted(set(keys) & set(found)) + sorted(set(found) - set(keys)):
        try:
            labels[key] = read(found[key])
        except Problem as problem:
            labels[key] = str(problem)
    return labels


def read_ratings(root, videos):
    """The ratings of each video, {(kind, subject, video): number, or a str that says what is wrong}."""
    ratings = {}
    for kind, highest in unbc.RATINGS.items():
        for subject, video in videos:
            path = Path(root) / "Sequence_Labels" / kind / subject / (video + ".txt")
            try:
                text = decode(path.read_bytes(), path).strip()
            except FileNotFoundError:
                ratings[kind, subject, video] = "is missing"
            except Problem:
                ratings[kind, subject, video] = "is no text"
            else:
                value = number(text)
                ratings[kind, subject, video] = "is no number" if value != value else (
                    value if 0 <= value <= highest else "is %s, not 0..%d" % (text, highest))
    return ratings


def faces_of_aligned(folder):
    """Which frames `make align` found a face in, {key: bool}, black and unreadable ones left out."""
    rows = read_csv(Path(folder) / "frames.csv", ("subject", "video", "frame", "status", "reason"), "make align")
    return {(row["subject"], row["video"], row["frame"]): row["status"] == "detected" for row in rows
            if row["status"] != "missing" or row["reason"] == "no face in the whole video"}


def find_faces(dataset, detector):
    """The Dataset with faces looked for by `detector`, a FaceDetector, in every frame that shows anything."""
    keys = [key for key, frame in dataset.frames.items() if not frame.black and frame.size]
    faces = {}
    with progress(total=len(keys), unit="frame", desc="faces") as bar:
        for start in range(0, len(keys), AT_A_TIME):
            batch = keys[start:start + AT_A_TIME]
            images = [read_frame(dataset.frames[key].path) for key in batch]
            faces.update((key, face is not None) for key, face in zip(batch, detector(images)))
            bar.update(len(batch))
    return dataset._replace(faces=faces)
