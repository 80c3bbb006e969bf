"""Features of several kinds as the few numbers that OSVR learns from: PCA a kind, side by side, scaled to 0..1.

All of it is learned from training frames; other frames may lie outside 0..1.
"""
from __future__ import annotations

from typing import Mapping, Sequence

import numpy as np

from pain.errors import Problem

ENERGY = 0.95  # how much of a kind's variance is kept


class Projection:
    """PCA to `energy` of the variance for each kind, then every number scaled to 0..1 on the frames it was fitted to.

    After fit(): components_, {kind: (n, kept) float64}, means_, {kind: (n,)}, low_ and range_, (D,) for D in all.
    """

    def __init__(self, energy: float = ENERGY) -> None:
        self.energy = energy

    def fit(self, videos: Sequence[Mapping[str, np.ndarray]]) -> Projection:
        """Learn from training videos, {kind: (T, n)} each. Returns self. Raises Problem when no kind varies at all."""
        kinds, frames = list(videos[0]), sum(len(next(iter(video.values()))) for video in videos)
        self.means_ = {kind: sum(video[kind].sum(axis=0, dtype=np.float64) for video in videos) / frames
                       for kind in kinds}
        self.components_ = {kind: principal([video[kind] for video in videos], self.means_[kind], self.energy)
                            for kind in kinds}
        if not sum(components.shape[1] for components in self.components_.values()):
            raise Problem("features: all training frames are the same; are the faces all of one image?")
        projected = [self._project(video) for video in videos]
        self.low_ = np.min([values.min(axis=0) for values in projected], axis=0)
        self.range_ = np.max([values.max(axis=0) for values in projected], axis=0) - self.low_
        return self

    def transform(self, video: Mapping[str, np.ndarray]) -> np.ndarray:
        """A video's frames of the same kinds, {kind: (T, n)}, as (T, D) float64."""
        return (self._project(video) - self.low_) / self.range_

    def _project(self, video):
        return np.hstack([(video[kind] - mean).dot(self.components_[kind]) for kind, mean in self.means_.items()])


def principal(videos: Sequence[np.ndarray], mean: np.ndarray, energy: float) -> np.ndarray:
    """The principal components of videos' frames that together have `energy` of their variance, (n, kept) float64.

    videos: (T, n) each. As few components as do; none where nothing varies. A component's largest weight is positive.
    """
    scatter, squares = np.zeros((len(mean), len(mean))), 0.0
    for values in videos:
        centred = values - mean
        scatter += centred.T.dot(centred)
        squares += np.square(values, dtype=np.float64).sum()
    variances, components = np.linalg.eigh(scatter)
    variances, components = np.maximum(variances[::-1], 0), components[:, ::-1]
    if variances[0] <= np.finfo(np.float32).eps * squares:
        return components[:, :0]
    kept = 1 + int(np.searchsorted(np.cumsum(variances) / variances.sum(), energy))
    components = components[:, :kept]
    largest = components[np.abs(components).argmax(axis=0), np.arange(kept)]
    return components * np.sign(largest)
