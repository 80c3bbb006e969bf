"""A video of many, rated on another machine: the same curve in the same folder as ManyVideos makes it here."""
from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pain.errors import Problem
from pain.evaluation.calibration import Calibration
from pain.pieces.piece import Piece
from pain.video.estimator import load_estimator
from pain.video.many import ManyVideos, Options
from pain.video.named_videos import NamedVideo


class VideoCurve(Piece):
    """A video's curve as a piece. loading: load_estimator()'s arguments, models a list, calibration a path or None;
    out, options: as for ManyVideos.
    """

    unit = "video"

    def __init__(self, video: NamedVideo, loading: dict[str, Any], out: Path, options: Options):
        super().__init__(video.name, [video.path, *loading["models"]], [out / video.name / "curve.json"],
                         gpu=loading["gpu"])
        self.video, self.loading, self.out, self.options = video, loading, out, options

    def done(self):
        return 0  # what is whole is not made a piece

    def run(self, means):
        calibration = self.loading["calibration"]
        estimator = load_estimator(**dict(self.loading, calibration=calibration and Calibration(calibration)))
        many = ManyVideos([self.video], estimator, self.out, self.options, lambda *_: None)
        outcome = many.outcome(self.video, SimpleNamespace(update=lambda: None, total=None))
        if outcome.wrong:
            raise Problem(outcome.wrong)
        means.update(1)
