"""A video rated from Python: its curve when it is done, or its rows while it is read."""
from __future__ import annotations

import contextlib
import json
import os
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pain.evaluation.calibration import Calibration
from pain.models import PainNets, load_nets
from pain.progress import progress
from pain.video.curve import Row, fields, parse
from pain.video.curve_folder import about_curve
from pain.video.estimator import MIN_FACE, load_estimator
from pain.video.source import RATE, Video, open_video
from pain.video.tracking import GAP
from pain.video.whole_curve import Curve


def rate_video(video: str | os.PathLike | int, models: PainNets | str | os.PathLike | Iterable[str | os.PathLike], *,
               net: str | os.PathLike | None = None, gpu: int | None = None, min_face: float = MIN_FACE, gap: int = GAP,
               track: bool = False, calibration: str | os.PathLike | None = None, rate: float = RATE,
               stream: int | None = None, show_progress: bool = False) -> Curve:
    """The pain curve of a whole video: faces found, aligned and rated, frame by frame.

    video: a file that FFmpeg reads, or a folder of images. models: as load_nets() takes them, or what it returns; of
    several the curve is the mean, and spread their standard deviation. net, gpu: as for load_nets(). min_face: the
    smallest face looked for, as a share of the image's height, 0.02..1. gap: for how many frames a lost face's
    landmarks are interpolated, 0..1000. track: a curve a person, else that of the largest face. calibration: a result
    of leave-one-subject-out, as read_results() takes it; low and high then hold 90 % of what observers say. rate:
    images of a folder a second. stream: the video's number among the streams of its file; unless given, the largest
    picture's. show_progress: on stderr. The figures are those of predict_video.py.

    Raises Problem for what is no video or no model, and for a package that is missing. A video that is damaged gives
    the curve of what could be read, and a UserWarning.
    """
    nets, calibrated = nets_and_calibration(models, net, gpu, calibration)
    with open_video(video, rate=rate, stream=stream) as frames:
        about = about_curve(frames, nets.models, min_face, gap, track, calibration, nets.net_file)
        about = json.loads(json.dumps(about, sort_keys=True))  # as a curve.about.json gives it back
        rows = rows_of(frames, nets, min_face, gap, track, calibrated, show_progress)
        return Curve(about, [row for of_frame in rows for row in of_frame])


def stream_video(video: str | os.PathLike | int, models: PainNets | str | os.PathLike | Iterable[str | os.PathLike],
                 *, net: str | os.PathLike | None = None, gpu: int | None = None, min_face: float = MIN_FACE,
                 gap: int = GAP, track: bool = False, calibration: str | os.PathLike | None = None,
                 rate: float = RATE, stream: int | None = None) -> Iterator[list[Row]]:
    """The same rows as rate_video() gives, while the video is read: a list of Row a frame, in order, as it is known.

    video may also be "-", standard input, or a number, a camera's, which ends when nobody asks for more. Nothing is
    kept: memory does not grow with the video. Raises Problem as rate_video() does, when the first frame is asked for.
    """
    nets, calibrated = nets_and_calibration(models, net, gpu, calibration)
    with open_video(video, rate=rate, stream=stream) as frames:
        yield from rows_of(frames, nets, min_face, gap, track, calibrated)


def nets_and_calibration(models: Any, net: Any, gpu: int | None, calibration: Any) -> tuple[PainNets, Any]:
    """The PainNets and the Calibration, or None, that are meant."""
    return (models if isinstance(models, PainNets) else load_nets(models, net, gpu),
            None if calibration is None else Calibration(Path(calibration)))


def rows_of(video: Video, nets: PainNets, min_face: float, gap: int, track: bool, calibration: Calibration | None,
            show_progress: bool = False) -> Iterator[list[Row]]:
    """Yield the Rows of each frame of a Video that is open, as exact as they are in curve.csv."""
    estimator = load_estimator(nets, min_face=min_face, gap=gap, track=track, calibration=calibration)
    with contextlib.closing(estimator.run(video.frames(), live=video.live)) as rated, progress(
            total=video.count, unit="frame", desc=Path(video.name).name, disable=not show_progress) as bar:
        for _, rows in rated:
            bar.update()
            yield [parse(fields(row)) for row in rows]
    if video.damage:
        warnings.warn(video.damage + "; the curve is of what could be read", stacklevel=3)
