"""Labelled videos made into a dataset in the archive's layout (pain/datasets/unbc.py), video by video.

    <out>/Images/<subject>/<video>/<frame>.png                     the labelled frames, as a player shows them
    <out>/Frame_Labels/PSPI/<subject>/<video>/<frame>_facs.txt     a whole PSPI each
    <out>/Videos/<subject>/<video>.json                            what was made of which video
    <out>/frames.csv                                               all frames, with their times and labels as they were
    <out>/README.md, own_data.json                                 what was assumed; whose data it is

It grows in <out>.partial, where finished videos stay whatever ends the command, and is renamed when it is whole.
"""
from __future__ import annotations

import concurrent.futures
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from pain.datasets import unbc
from pain.datasets.own_data import RECORD, imported_name
from pain.datasets.pspi import class_of
from pain.errors import Problem
from pain.files import making, read_json, remove, replacing, sha256, write_csv
from pain.folders import contents
from pain.locks import alone_in
from pain.own_data.matching import LabelledVideo
from pain.own_data.readme import readme
from pain.processes import workers
from pain.progress import progress
from pain.video.labels import mean_of, on_frames
from pain.video.source import open_video

COLUMNS = "subject", "video", "frame", "media_time_s", "label", "pspi"  # of frames.csv
PSPI_OF = np.array([0, 1, 2, 3, 4, 6])  # of an intensity 0..5: the lowest that is quantised to it
FORMATS = {"png": dict(compress_level=1), "jpg": dict(quality=95, subsampling=0)}


class Settings(NamedTuple):
    """How a dataset is made."""

    name: str  # of the dataset
    pspi: bool = False  # whether labels are PSPI, 0..16, and not intensities 0..5
    form: str = "png"  # of the frames, one of FORMATS
    rate: float = 25.  # frames a second of folders of images


class Imported(NamedTuple):
    """What has come of it."""

    made: Sequence[dict]  # import_video()'s record of each video
    left_out: dict[str, str]  # of others: why, by their paths
    new: bool  # whether anything was to be done


def whole_pspi(values: np.ndarray, pspi: bool) -> np.ndarray:
    """The PSPI, (N,) int64, that stands for labels, (N,): intensities 0..5, or PSPI 0..16. The nearest, halves up."""
    nearest = class_of(values)
    return nearest if pspi else PSPI_OF[nearest]


def made_from(video: LabelledVideo, settings: Settings) -> str:
    """What a video's frames and labels are a function of, as a hash."""
    path = Path(video.path)
    files = contents(path) if path.is_dir() else [path]
    labels = [[column.tolist() if isinstance(column, np.ndarray) else column for column in read]
              for read in video.labels]
    content = [[(file.name, sha256(file)) for file in files if file.is_file()], labels, settings.pspi, settings.form,
               settings.rate]
    return digest(content)


def digest(content) -> str:
    """The SHA-256 of what can be JSON, without its own "digest"."""
    if isinstance(content, dict):
        content = {key: value for key, value in content.items() if key != "digest"}
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def import_video(root: Path, video: LabelledVideo, settings: Settings) -> dict:
    """Write a video's labelled frames and their labels below `root`. Returns the record of it, which stands in Videos.

    Raises Problem, and writes nothing, when it cannot be read or is damaged, or none of its labels is of a frame.
    """
    made = made_from(video, settings)
    with open_video(video.path, rate=settings.rate) as opened:
        times = np.array([frame.media_time for frame in opened.frames()])
    if opened.damage and not os.path.isdir(video.path):  # whose frames are whose nobody knows
        raise Problem("%s; repair or convert it" % opened.damage)
    placed = [on_frames(read, range(len(times)), times) for read in video.labels]
    values = mean_of(np.array([each for each, _ in placed]))
    labelled = np.flatnonzero(~np.isnan(values))
    if not len(labelled):
        raise Problem("%s: none of its %d labels is of one of its %d frames, which end at %.2f s" % (
            video.path, sum(len(read.at) for read in video.labels), len(times), times[-1]))
    values = values[labelled]
    rows = [["%06d" % i, round(time, 6), round(value, 6), pspi] for i, time, value, pspi in zip(
        labelled.tolist(), times[labelled].tolist(), values.tolist(), whole_pspi(values, settings.pspi).tolist())]
    write_frames(root, video, {number: row for number, row in zip(labelled.tolist(), rows)}, settings)
    record = dict(
        subject=video.subject, video=video.video, source=os.path.basename(os.path.abspath(video.path)),
        labels=list(video.files), by=sorted({read.by for read in video.labels}), width=opened.width,
        height=opened.height, frames=len(times), seconds=round(float(times[-1] - times[0]), 6),
        given=sum(len(read.at) for read in video.labels), of_no_frame=sum(lost for _, lost in placed),
        between=int((values % 1 != 0).sum()), made_from=made,
        notes=list(filter(None, [*(read.note for read in video.labels), opened.note, opened.damage])), rows=rows)
    record["digest"] = digest(record)
    with replacing(places(root, video.subject, video.video)[2]) as partial:
        partial.write_text(json.dumps(record) + "\n", encoding="utf-8")
    return record


def write_frames(root, video, rows, settings):
    """Write the images and the labels of the frames `rows`, {number: (name, time, label, PSPI)}."""
    images, labels, _ = places(root, video.subject, video.video)
    with making(labels) as partial:
        for name, _, _, pspi in rows.values():
            (partial / (name + "_facs.txt")).write_text("%16.7e\n" % pspi)
    with making(images) as partial, open_video(video.path, rate=settings.rate) as opened:
        for frame in opened.frames():
            if frame.number in rows:
                name = "%s.%s" % (rows[frame.number][0], settings.form)
                Image.fromarray(frame.image).save(str(partial / name), **FORMATS[settings.form])


def places(root: Path, subject: str, video: str) -> tuple[Path, Path, Path]:
    """Where a video's images and labels go, folders, and its record, a file."""
    labels = unbc.pspi_file(root, subject, video, "").parent
    return root / "Images" / subject / video, labels, root / "Videos" / subject / (video + ".json")


def current_record(root, video, settings):
    """The record of a video that is there already, made from the same; None if it is to be made."""
    *folders, path = places(root, video.subject, video.video)
    try:
        record = read_json(path)
        if (record["made_from"], record["digest"]) == (made_from(video, settings), digest(record)) and all(
                folder.is_dir() for folder in folders):
            return record
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def import_videos(videos: Sequence[LabelledVideo], out: str | Path, settings: Settings, jobs: int = 1,
                  notes: Sequence[str] = ()) -> Imported:
    """Make the dataset `out` of labelled videos with so many processes. What is there already is not made again.

    notes: more lines for its README. Raises Problem when the folder holds anything else, when no video can be used, and
    as workers() does.
    """
    out = Path(os.path.abspath(str(out)))
    partial = out.with_name(out.name + ".partial")
    for folder in out, partial:
        if folder.exists() and not (folder / RECORD).exists() and not (folder.is_dir() and not contents(folder)):
            raise Problem("%s: holds something that is no imported dataset; name a new folder" % folder)
    if (out / RECORD).exists():
        records = [current_record(out, video, settings) for video in videos]
        if all(records) and not stale(out, videos) and imported_name(out) == settings.name:
            return Imported(records, {}, False)
        remove(partial)
        os.replace(str(out), str(partial))
    with alone_in(partial):
        with replacing(partial / RECORD) as record:
            record.write_text(json.dumps(dict(settings._asdict())) + "\n", encoding="utf-8")
        made, left_out = import_all(partial, videos, settings, jobs)
        if not made:
            remove(partial)
            raise Problem("; ".join(left_out.values()))
        write_csv(partial / "frames.csv", COLUMNS, ((each["subject"], each["video"], *row) for each in made
                                                    for row in each["rows"]))
        with replacing(partial / "README.md") as page:
            page.write_text(readme(settings, made, [*left_out.values(), *notes]), encoding="utf-8")
    os.replace(str(partial), str(out))
    return Imported(made, left_out, True)


def import_all(root, videos, settings, jobs):
    """The records of the videos that could be made, in their order, and {path of another: why not}."""
    for path in stale(root, videos):
        remove(path)
    records = [current_record(root, video, settings) for video in videos]
    left_out, todo = {}, [i for i, record in enumerate(records) if record is None]
    with progress(total=len(videos), initial=len(videos) - len(todo), unit="video", desc="import") as bar:
        with workers(min(jobs, max(1, len(todo)))) as pool:
            futures = {pool.submit(import_video, root, videos[i], settings): i for i in todo}
            for future in concurrent.futures.as_completed(futures):
                i = futures[future]
                try:
                    records[i] = future.result()
                except Problem as problem:
                    left_out[i] = str(problem)
                    for path in places(root, videos[i].subject, videos[i].video):
                        remove(path)
                bar.update()
    return list(filter(None, records)), {videos[i].path: left_out[i] for i in sorted(left_out)}


def stale(root: Path, videos: Sequence[LabelledVideo]) -> list[Path]:
    """What lies below `root` of videos that are none of these, or was left there half made."""
    wanted = {path for video in videos for path in places(root, video.subject, video.video)}
    above = {path.parent for path in wanted}
    tops = {path.parent for path in above}
    found = [path for folder in sorted(tops | above) if folder.is_dir() for path in sorted(folder.iterdir())]
    return [path for path in found if path not in wanted | above | tops]
