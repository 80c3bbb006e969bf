"""All videos of a session together: the study's table of them, and one archive of all that was made of them.

    NAME/curve.csv, curve.about.json, curve.json     a folder a video, as tools/predict_video.py fills it
    NAME/curve.elan.txt, curve.boris.csv, curve.vtt  for other programs
    NAME/episodes.csv, labels.csv, annotated.mp4     where there are some; the videos themselves are left out
    study.csv, study.about.json, study.html          one table of all curves, and what there is to see of it
"""
import re
import tempfile
import zipfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from pain.errors import Problem
from pain.page.job import DONE, FAILED, Job
from pain.study.page import write_page
from pain.study.people import people_of
from pain.study.table import study_table, write_study

PACKED = ".mp4",  # what does not get smaller


def folder_names(names: Sequence[str]) -> list[str]:
    """What folders for videos of these names may be called on any system, each of them once."""
    taken, folders = set(), []
    for name in names:
        plain = re.sub(r"[^\w .()+-]", "_", Path(name).stem).strip(" .")[:60] or "video"
        folder, count = plain, 1
        while folder.casefold() in taken:
            count += 1
            folder = "%s (%d)" % (plain, count)
        taken.add(folder.casefold())
        folders.append(folder)
    return folders


def with_curves(jobs: Sequence[Job]) -> dict[str, Job]:
    """The jobs that have ended with a curve, by their folders' names. Raises Problem if there are none."""
    ended = [job for job in jobs if job.state in (DONE, FAILED) and job.done]
    if not ended:
        raise Problem("There is no curve yet; wait until a video is done.")
    return dict(zip(folder_names([job.name for job in ended]), ended))


def make_study(jobs: Sequence[Job], thresholds: Sequence[float], folder: Path, with_page: bool = False) -> list[Path]:
    """Write the study's table of the jobs' curves, and its page if asked to, into a folder. Returns the paths.

    Raises Problem or OSError.
    """
    people, left_out = [], {}
    for name, job in with_curves(jobs).items():
        try:
            if job.state == DONE:
                job.write_summary()  # by which a curve is known as finished
            people += people_of(name, job.folder, thresholds)
        except Problem as problem:
            left_out[name] = job.shown(problem).replace(str(job.folder), name)
    if not people:
        raise Problem("; ".join(left_out.values()))
    table = study_table(people)
    made = write_study(folder, table, dict(above=list(thresholds), left_out=left_out))
    if with_page and find_spec("jinja2"):
        write_page(folder / "study.html", people, table, left_out, list(thresholds), [], None, None)
        made.append(folder / "study.html")
    return made


def write_archive(file: BinaryIO, jobs: Sequence[Job], thresholds: Sequence[float]) -> None:
    """Write the archive of the jobs, a ZIP file. Raises Problem or OSError."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, tempfile.TemporaryDirectory(
            dir=str(jobs[0].folder.parent) if jobs else None) as folder:
        for path in make_study(jobs, thresholds, Path(folder), with_page=True):
            archive.write(str(path), path.name)
        for name, job in with_curves(jobs).items():
            if job.state == DONE:
                job.export()
            for path in job.made():
                archive.write(str(path), "%s/%s" % (name, path.name),
                              zipfile.ZIP_STORED if path.suffix in PACKED else None)
            if job.labels:
                archive.write(str(job.labels), "%s/labels%s" % (
                    name, re.sub(r"[^.\w]", "", Path(job.labels_name).suffix)))
