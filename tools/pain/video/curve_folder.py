"""The folder of a video's curve: what is written while the video is rated, and what once all of it is.

    curve.csv                 first a log, which grows frame by frame and can be gone on with; in the end whole
    curve.about.json          what it is of: source, models, settings; from the beginning on
    annotated.mp4             the video with its curve, if asked for
    curve.png, curve.json     of the whole curve; curve.json last, so that where it is, everything is
"""
import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pain.errors import Problem
from pain.faces.detector import BATCH
from pain.files import fingerprint
from pain.labels.record import Labels
from pain.locks import alone_in
from pain.plots import save_figure
from pain.provenance import as_dict, origin_of, origin_said
from pain.video.annotate import Annotator
from pain.video.curve import HEADER, CurveWriter, Row, read_curve, write_curve, write_json
from pain.video.episodes import THRESHOLDS
from pain.video.labels import compare, placed
from pain.video.plot import draw
from pain.video.smoothing import Filter, smooth
from pain.video.source import Video
from pain.video.summary import summary

OF_THE_WHOLE = "curve.json", "curve.png", "annotated.mp4"


class Recorded(NamedTuple):
    """A frame whose rows are in curve.csv."""

    number: int  # from 0
    computed: bool  # by this run; an earlier one's frames are passed over


def record_curve(estimator, video: Video, folder: Path, about: dict, resume: bool = False,
                 annotate: bool = False, overwrite: bool = False) -> Iterator[Recorded]:
    """Write curve.csv, and annotated.mp4 if asked to, of a Video into the folder. Yields a Recorded a frame.

    estimator: an Estimator; about: what the curve is of; resume: go on with the curve.csv that is there, if any;
    overwrite: begin again where there is one. Raises Problem. Left early, by an exception too, what there is of the
    curve stays, and nothing of the annotated video.
    """
    path = folder / "curve.csv"
    with contextlib.ExitStack() as closing:
        closing.enter_context(alone_in(folder))
        if not resume and not overwrite:
            refuse_earlier(folder)
        earlier = earlier_rows(path, about) if resume else []
        next_frame = earlier[-1].frame + 1 if earlier else 0
        for name in OF_THE_WHOLE:  # of an earlier run
            with contextlib.suppress(FileNotFoundError):
                (folder / name).unlink()
        write_curve(path, about, earlier)
        writer = closing.enter_context(contextlib.closing(CurveWriter(path, about)))
        annotator = annotate and closing.enter_context(
            Annotator(folder / "annotated.mp4", video.width, video.height, video.rate, origin_said(about), video))
        rated = closing.enter_context(contextlib.closing(estimator.run(
            video.frames(), earlier, next_frame, video.live)))
        for frame, rows in rated:
            computed = frame.number >= next_frame
            if computed:
                writer.write(rows)
            if annotator:
                annotator.add(frame.image, frame.media_time, rows)
            yield Recorded(frame.number, computed)


def refuse_earlier(folder: Path) -> None:
    """Raise Problem if the folder has a curve, or something made of one, that would be lost."""
    for name in ("curve.csv", *OF_THE_WHOLE):
        if (folder / name).exists():
            raise Problem("%s: is there already; --resume goes on with it, --overwrite begins again, or name another "
                          "folder with --out" % (folder / name))


def earlier_rows(path: Path, about: dict) -> list[Row]:
    """The Rows of a curve.csv that can be gone on with: a log, or a finished curve, whose column smoothed is left out.

    Of the last frame's rows some may be missing, so it is left out, too. Without a file, or with one of less than a
    row, there are none. Raises Problem for a curve of something else, and as read_curve() does.
    """
    if not path.is_file() or path.stat().st_size <= len(HEADER):
        return []
    earlier, rows = read_curve(path)
    differ = sorted(key for key in {*earlier, *about} if earlier.get(key) != about.get(key))
    if rows and differ:
        raise Problem("%s: cannot go on with it, for it was made with another %s; --overwrite begins again"
                      % (path, ", ".join(differ)))
    return [row._replace(smoothed=np.nan) for row in rows if row.frame < rows[-1].frame]


def finish_curve(folder: Path, smoothing: Filter | None = None, thresholds: Sequence[float] = THRESHOLDS,
                 labels: list[Labels] | None = None, more: dict | None = None) -> tuple[list[Row], dict]:
    """Make a log, the folder's curve.csv, a whole curve, as write_files() does. Returns (Rows, summary)."""
    about, rows = read_curve(folder / "curve.csv")
    if smoothing:
        rows = smooth(rows, *smoothing)
    return rows, write_files(folder, about, rows, smoothing, thresholds, labels, more)


def finished_with(labels_file: dict | None, damage: str) -> dict:
    """What curve.about.json says once a curve is whole: what tells the labels from others, and the video's damage."""
    return dict(labels=labels_file, damage=damage)


def write_files(folder: Path, about: dict, rows: list[Row], smoothing: Filter | None = None,
                thresholds: Sequence[float] = THRESHOLDS, labels: list[Labels] | None = None,
                more: dict | None = None) -> dict:
    """Write curve.csv, curve.png and curve.json of a whole curve into the folder. Returns its summary, a dict.

    smoothing: the Filter that has filled the column smoothed, or None; thresholds: of the summary's episodes; labels:
    each rater's Labels to compare the curve with, or None; more: what else curve.about.json is to say.
    """
    write_curve(folder / "curve.csv", about, rows, smoothing, dict(more or {}, thresholds=[*map(float, thresholds)]))
    summed_up = summary(about, rows, thresholds)
    if labels is not None:
        summed_up["agreement"] = compare(rows, labels, "smoothed" if smoothing else "intensity")
    save_figure(draw(about, rows, thresholds[0], labels and placed(rows, labels)[0]), folder / "curve.png",
                bbox_inches="tight")
    write_json(folder / "curve.json", about, smoothing, summed_up, rows)
    return summed_up


def about_curve(video: Video, models: list[Path], min_face: float, gap: int, track: bool,
                calibration: Path | str | None = None, net_file: Path | str | None = None) -> dict:
    """What a curve depends on, a dict ready for JSON: of another one --resume does not go on.

    video: a Video; models: paths of caffemodels; calibration: the path of a result, or None; the rest: as
    load_estimator() takes it; net_file: the models' prototxt, where it is known. size and fingerprint: of the file or
    the images, in bytes; rate: of images, a second; batch: how many frames are computed at a time, on which the last
    decimals depend.
    """
    files = files_of(video)
    return dict(source=video.name, size=sum(file.stat().st_size for file in files) or None,
                fingerprint=fingerprint(*files) if files else None,
                rate=video.rate if hasattr(video, "paths") else None, stream=video.stream, width=video.width,
                height=video.height, min_face=min_face, gap=gap, track=track, batch=BATCH,
                calibration=calibration and str(calibration), net=net_file and fingerprint(net_file),
                **about_nets(models))


def files_of(video: Video) -> list[Path]:
    """The file of a Video, or those of its images; none of what can be read only once."""
    return getattr(video, "paths", [Path(video.file)] if video.file else [])


def about_nets(models: list[Path]) -> dict:
    """Of it what the nets make: which they are, paths of caffemodels with their fingerprints, and their Origin."""
    return dict(models={str(model): fingerprint(model) for model in models}, origin=as_dict(origin_of(models)))
