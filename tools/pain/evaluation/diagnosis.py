"""Where a result errs: by subject, by video, by intensity, and in time.

    confusion       how often each labelled intensity is predicted as each intensity, both rounded half up
    reliability     of the frames predicted about alike, the mean label: on the diagonal, predictions mean what they say
    by intensity    of the frames of one class of label, how far and to which side predictions lie
    lag             by how many frames a video's predictions follow its labels: the shift, of at most LAG either way, at
                    which the cross-correlation of their deviations from the mean is largest; the smallest such shift

Everything takes (N,) labels and predictions, of frames in order where time matters.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pain.datasets.pspi import class_of
from pain.evaluation.metrics import UNDEFINED, deviation, error, mae, mse, pcc

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from pain.evaluation.frames import Result

LAG = 30  # frames
BIN = 0.5  # of predictions, in units of intensity


def confusion(label: np.ndarray, prediction: np.ndarray, top: int) -> np.ndarray:
    """Counts of frames, (top + 1, top + 1) int: a row an intensity labelled, a column one predicted, rounded."""
    rounded = class_of(np.clip(prediction, 0, top))
    return np.bincount(class_of(label) * (top + 1) + rounded, minlength=(top + 1) ** 2).reshape(top + 1, top + 1)


def reliability(label: np.ndarray, prediction: np.ndarray, top: int) -> list[tuple[float, float, int]]:
    """Of frames by bins of BIN of their prediction: (mean prediction, mean label, frames), a tuple a bin."""
    bins = np.clip(np.floor(prediction / BIN), 0, np.ceil(top / BIN) - 1).astype(int)
    return [(float(prediction[bins == b].mean()), float(label[bins == b].mean()), int((bins == b).sum()))
            for b in np.unique(bins)]


def by_intensity(label: np.ndarray, prediction: np.ndarray) -> list[tuple[int, int, float, float]]:
    """Of frames by their label's class: (class, frames, mean of prediction - label, MAE), a tuple a class present."""
    of_class = {int(c): class_of(label) == c for c in np.unique(class_of(label))}
    return [(c, int(frames.sum()), float(error(label[frames], prediction[frames]).mean()),
             mae(label[frames], prediction[frames])) for c, frames in of_class.items()]


def lag(label: ArrayLike, prediction: ArrayLike) -> float:
    """The frames by which predictions follow the labels, negative if they come before; NaN where either is constant."""
    a, b = deviation(label), deviation(prediction)
    if not a.any() or not b.any():
        return UNDEFINED
    most = min(LAG, len(a) - 1)
    shifts = np.array(sorted(range(-most, most + 1), key=abs))
    correlation = np.correlate(b, a, "full")[shifts + len(a) - 1]  # at shift k the sum of a[i] b[i + k]
    return float(shifts[np.argmax(correlation)])


def by_video(result: Result) -> list[dict[str, Any]]:
    """A dict for each of a result's videos, their frames in order: subject, video, and what summary() and lag() say."""
    return [dict(subject=video.subject, video=video.video or "", **summary(video.label, video.prediction),
                 lag=UNDEFINED if result.no_videos else lag(video.label, video.prediction)) for video in result.videos]


def by_subject(result: Result) -> list[dict[str, Any]]:
    """A dict for each of a result's subjects: subject, videos, and what summary() says of all their frames."""
    groups = {}
    for video in result.videos:
        groups.setdefault(video.subject, []).append(video)
    return [dict(subject=subject, videos=len(videos), **summary(*(
        np.concatenate([getattr(video, field) for video in videos]) for field in ("label", "prediction"))))
        for subject, videos in groups.items()]


def summary(label: np.ndarray, prediction: np.ndarray) -> dict[str, Any]:
    """frames, the share with pain (label > 0), MAE, MSE, PCC, and the bias, the mean of prediction - label."""
    return dict(frames=len(label), pain=float((label > 0).mean()), mae=mae(label, prediction),
                mse=mse(label, prediction), pcc=pcc(label, prediction), bias=float(error(label, prediction).mean()))
