"""Many videos rated with one loading of nets and detector, each into a folder of its own: whole, or not there.

    curves/visit/             a curve that is whole, as of the command for one video
    curves/.visit.partial/    one that is in the making, with which the next run goes on

Some videos are under way at a time, a thread each, which decodes, follows faces and writes; finding faces and rating
them is done for all of them by one pool. So a video begins while the one before it ends. What a video's curve says does
not depend on the others: its batches are its own.
"""
from __future__ import annotations

import contextlib
import errno
import json
import os
import threading
import traceback
from collections import deque
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
from pain.video.named_videos import NamedVideo
from pain.video.smoothing import Filter
from pain.video.source import RATE, Video, open_video
from pain.video.thread_pool import threads, workers

AT_A_TIME = 2  # videos under way
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

    video: NamedVideo
    wrong: str = ""  # why there is no curve, or what it is not of
    said: Any = None  # what `describe` made of a new curve
    computed: int = 0  # frames
    as_it_was: bool = False  # whether the curve was there already
    note: str = ""  # of the Video


class Stopped(Exception):
    """The command is to end."""


class ManyVideos:
    """Videos to be rated into folders below `out`. describe: called with (folder, Rows, summary) of each new curve."""

    def __init__(self, videos: Sequence[NamedVideo], estimator: Estimator, out: Path, options: Options,
                 describe: Callable[[Path, list, dict], Any]):
        self.videos, self.estimator, self.out, self.options, self.describe = videos, estimator, out, options, describe
        self.of_nets = about_nets(estimator.nets.models)
        self.ending, self.turn = threading.Event(), threading.Lock()

    def count(self) -> int | None:
        """How many frames they have, about, or None where one does not say; of those that cannot be read, none."""
        frames = 0
        for video in self.videos:
            with contextlib.suppress(Problem, OSError), self._open(video) as opened:
                if opened.count is None:
                    return None
                frames += opened.count
        return frames

    def rate(self, bar) -> Iterator[Outcome]:
        """Rate them all; yields the Outcome of each, in order. bar: of progress(), of the frames."""
        with alone_in(self.out), workers() as pool, threads(AT_A_TIME) as drivers:
            self.estimator.pool = pool
            pending = deque(drivers.submit(self.outcome, video, bar) for video in self.videos)
            try:
                while pending:
                    yield pending.popleft().result()
            finally:
                self.ending.set()
                for future in pending:
                    future.cancel()

    def is_whole(self, video: NamedVideo) -> bool:
        """Whether a video has the curve that would be made now."""
        with contextlib.suppress(Problem, OSError), self._open(video) as opened:
            return not self.options.overwrite and self._is_whole(self.out / video.name, self._about(opened))
        return False

    def outcome(self, video: NamedVideo, bar) -> Outcome:
        """The Outcome of a video: one that is bad does not stop the others."""
        try:
            return self._rate(video, bar)
        except Problem as problem:
            return Outcome(video, str(problem))
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise
            return Outcome(video, "%s: %s" % (error.filename or video.path, error.strerror))
        except Stopped:
            return Outcome(video, "interrupted")
        except Exception:
            traceback.print_exc()
            return Outcome(video, "%s: a fault in this program, as told above" % video.path)

    def _rate(self, video, bar):
        final, computed = self.out / video.name, 0
        making = final.with_name(".%s.partial" % final.name)
        with self._open(video) as opened:
            about = self._about(opened)
            if not self.options.overwrite and self._is_whole(final, about):
                self._leave_out(opened.count, bar)
                return Outcome(video, damage_of(final), as_it_was=True)
            begin(making, final, about, self.options.overwrite)
            with contextlib.closing(record_curve(self.estimator, opened, making, about, resume=True,
                                                 annotate=self.options.annotate)) as recorded:
                for frame in recorded:
                    if self.ending.is_set():
                        raise Stopped
                    computed += frame.computed
                    with self.turn:
                        bar.update()
        rows, summary = finish_curve(making, self.options.smoothing, self.options.thresholds, self.options.labels,
                                     finished_with(self.options.labels_file, opened.damage))
        put_in_place(making, final)
        said = self.describe(final, rows, summary)
        return Outcome(video, damage_of(final), said, computed, note=opened.note)

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

    def _leave_out(self, frames, bar):
        """Have the bar not count a video's frames."""
        with self.turn:
            if bar.total and frames:
                bar.total -= frames


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
