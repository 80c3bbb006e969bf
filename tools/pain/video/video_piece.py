"""A video of many as a piece of work: the same curve in the same folder, whether it is rated here or elsewhere."""
from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from pain.errors import Problem
from pain.evaluation.calibration import Calibration
from pain.pieces.piece import THREAD, Piece
from pain.video.curve import read_curve
from pain.video.estimator import load_estimator
from pain.video.many import ManyVideos, damage_of, making_of
from pain.video.named_videos import NamedVideo


class VideoCurve(Piece):
    """A video's curve as a piece. Here all share `many`, a ManyVideos; elsewhere one is made of what was loaded here.

    frames: how many it has, about; loading: load_estimator()'s arguments, models a list, calibration a path or None
    """

    unit, how, at_a_time = "frame", THREAD, 2

    def __init__(self, video: NamedVideo, frames: int, many: ManyVideos, loading: dict[str, Any]):
        self.out, self.options = many.out, many.options
        super().__init__(video.name, [video.path, *loading["models"]], [self.out / video.name / "curve.json"], frames,
                         gpu=loading["gpu"])
        self.video, self.many, self.loading = video, many, loading

    def __getstate__(self):
        return dict(self.__dict__, many=None)

    def done(self):
        """Of a curve in the making; a whole one is not made a piece."""
        path = making_of(self.out / self.video.name) / "curve.csv"
        with contextlib.suppress(Problem, OSError):
            frames = len({row.frame for row in read_curve(path)[1]}) if path.exists() else 0
            return max(0, min(self.length, frames) - 1)
        return 0

    def run(self, means):
        calibration, left = self.loading["calibration"], self.length - self.done()

        def update():
            nonlocal left
            if left > 0:
                left -= 1
                means.update(1)
        many = self.many or ManyVideos(load_estimator(**dict(
            self.loading, calibration=calibration and Calibration(calibration))), self.out, self.options)
        outcome = many.outcome(self.video, update, lambda: means.children.stopped)
        for line in outcome.said:
            means.say(line)
        if outcome.wrong:
            raise Problem(outcome.wrong)
        means.update(left)


def pieces_of(many: ManyVideos, videos: Sequence[NamedVideo], loading: dict[str, Any]) -> tuple[list, list[str]]:
    """The VideoCurves of those videos that have no whole curve yet, and what is wrong with those that have."""
    pieces, damaged = [], []
    for video in videos:
        frames, whole = many.look(video)
        if whole:
            damaged += filter(None, [damage_of(many.out / video.name)])
        else:
            pieces.append(VideoCurve(video, frames, many, loading))
    return pieces, damaged
