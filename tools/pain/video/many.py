"""Many videos rated with one loading of nets and detector, each into a folder of its own: whole, or not there.

    curves/visit/             a curve that is whole, as of the command for one video
    curves/.visit.partial/    one that is in the making, with which the next run goes on

Each is a piece of work (video_piece.py). On this machine some are under way at a time, a thread each, which decodes,
follows faces and writes; finding faces and rating them is done for all of them by one pool. So a video begins while the
one before it ends. What a video's curve says does not depend on the others: its batches are its own.
"""
from __future__ import annotations

import contextlib
import errno
import json
import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pain.errors import Problem
from pain.files import read_json, remove
from pain.labels.record import Labels
from pain.locks import alone_in
from pain.video.curve import about_file, write_curve
from pain.video.curve_folder import (
    OF_THE_WHOLE,
    about_curve,
    about_nets,
    earlier_rows,
    finish_curve,
    finished_with,
    record_curve,
)
from pain.video.estimator import Estimator
from pain.video.in_words import report_lines
from pain.video.named_videos import NamedVideo
from pain.video.smoothing import Filter
from pain.video.source import RATE, Video, open_video
from pain.video.thread_pool import workers

FILES = "curve.about.json", "curve.csv", "curve.png", "annotated.mp4", "curve.json"  # of a curve; the last one last


class Options(NamedTuple):
    """What is asked for of every video, as the command's options of these names."""

    thresholds: Sequence[float]
    smoothing: Filter | None = None
    labels: list[Labels] | None = None  # each rater's
    labels_file: dict | None = None  # what tells them from others
    annotate: bool = False
    rate: float = RATE
    stream: int | None = None
    calibration: str | None = None  # the path
    overwrite: bool = False


class Outcome(NamedTuple):
    """What came of a video."""

    wrong: str = ""  # why there is no curve, or what it is not of
    said: Sequence[str] = ()  # what there is to say of a new curve, in lines
    computed: int = 0  # frames
    as_it_was: bool = False  # whether the curve was there already


class Stopped(Exception):
    """The command is to end."""


class ManyVideos:
    """How videos are rated into folders below `out`, with one loading of nets and detector."""

    def __init__(self, estimator: Estimator, out: Path, options: Options):
        self.estimator, self.out, self.options = estimator, out, options
        self.of_nets = about_nets(estimator.nets.models)
        self.computed = []  # frames, of each video that has been rated

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Be the only one who rates into `out`, and have all videos share one pool."""
        with alone_in(self.out), workers() as self.estimator.pool:
            yield

    def look(self, video: NamedVideo) -> tuple[int, bool]:
        """How many frames a video has, about, 1 where nobody knows, and whether its curve is whole and as it would be.
        """
        with contextlib.suppress(Problem, OSError), self._open(video) as opened:
            return max(1, opened.count or 1), not self.options.overwrite and self._is_whole(
                self.out / video.name, self._about(opened))
        return 1, False

    def outcome(self, video: NamedVideo, update: Callable[[], Any], stopped: Callable[[], bool]) -> Outcome:
        """Rate a video. Returns its Outcome: one that is bad does not stop the others.

        update: called after each frame that was computed; stopped: whether to stop after this one
        """
        try:
            return self._rate(video, update, stopped)
        except Problem as problem:
            return Outcome(str(problem))
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise
            return Outcome("%s: %s" % (error.filename or video.path, error.strerror))
        except Stopped:
            return Outcome("interrupted")
        except Exception:
            traceback.print_exc()
            return Outcome("%s: a fault in this program, as told above" % video.path)

    def _rate(self, video, update, stopped):
        final, computed = self.out / video.name, 0
        making = making_of(final)
        with self._open(video) as opened:
            about = self._about(opened)
            if not self.options.overwrite and self._is_whole(final, about):
                return Outcome(damage_of(final), as_it_was=True)
            begin(making, final, about, self.options.overwrite)
            with contextlib.closing(record_curve(self.estimator, opened, making, about, resume=True,
                                                 annotate=self.options.annotate)) as recorded:
                for frame in recorded:
                    if stopped():
                        raise Stopped
                    if frame.computed:
                        computed += 1
                        update()
        rows, summary = finish_curve(making, self.options.smoothing, self.options.thresholds, self.options.labels,
                                     finished_with(self.options.labels_file, opened.damage))
        put_in_place(making, final)
        self.computed.append(computed)
        lines = report_lines(final / "curve.csv", rows, summary, None, self.estimator.detector.min_face)
        return Outcome(damage_of(final), [opened.note] * bool(opened.note) + lines, computed)

    def _open(self, video):
        return open_video(video.path, rate=self.options.rate, stream=self.options.stream)

    def _about(self, opened: Video) -> dict:
        """about_curve(), as JSON gives it back; the nets' fingerprints are taken once for all videos."""
        estimator = self.estimator
        about = about_curve(opened, [], estimator.detector.min_face, estimator.gap, estimator.track,
                            self.options.calibration, estimator.nets.net_file)
        return json.loads(json.dumps(dict(about, **self.of_nets)))

    def _is_whole(self, folder, about):
        """Whether the folder has all of what would be made now."""
        smoothing = self.options.smoothing and self.options.smoothing._asdict()
        wanted = dict(about=about, smoothing=smoothing, thresholds=list(self.options.thresholds),
                      labels=self.options.labels_file)
        account = read_account(folder)
        return (folder / "curve.json").exists() and all(account.get(key) == wanted[key] for key in wanted) and (
            not self.options.annotate or (folder / "annotated.mp4").exists())


def making_of(folder: Path) -> Path:
    """Where the curve that goes into a folder is in the making."""
    return folder.with_name(".%s.partial" % folder.name)


def read_account(folder: Path) -> dict:
    """What curve.about.json in a folder says; nothing where there is none, or a damaged one."""
    try:
        return dict(read_json(about_file(folder / "curve.csv")))
    except (OSError, ValueError, TypeError):
        return {}


def damage_of(folder: Path) -> str:
    """What was wrong with the video of a finished curve, as for an Outcome."""
    damage = str(read_account(folder).get("damage") or "")
    return damage and damage + "; the curve is of what could be read"


def begin(making: Path, final: Path, about: dict, anew: bool) -> None:
    """See to it that what is in the folder `making` can be gone on with: a part of this curve, or nothing.

    Where `final` has the same curve, smoothed in another way perhaps, that is where it begins. anew: with nothing.
    """
    with contextlib.suppress(Problem):
        if not anew and earlier_rows(making / "curve.csv", about):
            return
    remove(making)
    with contextlib.suppress(Problem):
        rows = [] if anew else earlier_rows(final / "curve.csv", about)
        if rows:
            making.mkdir(parents=True)
            write_curve(making / "curve.csv", about, rows)


def put_in_place(making: Path, final: Path) -> None:
    """Give a curve that is whole its own folder, in the place of one that is there; what else is there stays."""
    with contextlib.suppress(OSError):  # there is one
        making.rename(final)
        return
    for name in ("curve.csv", *OF_THE_WHOLE):
        with contextlib.suppress(FileNotFoundError):
            (final / name).unlink()
    for name in FILES:
        if (making / name).exists():
            os.replace(making / name, final / name)
    remove(making)
