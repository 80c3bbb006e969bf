"""OSVR, ordinal support vector regression (Zhao, Gan, Wang and Ji, CVPR 2016): a frame's intensity, linear in features.

    OSVR(gamma=(100, 1)).fit(sequences, labels).predict(frames)

It learns from the labels of frames, all or a few, and from the order of a video's frames: pain rises to the apex and
falls after it. Of the paper's names OSVR-l1 is p = 1, OSVR-l2 is p = 2. ordinal_rows.py has the problem, admm.py
and optimum.py solve it. The interface is scikit-learn's, which is not needed.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from pain.baselines.admm import admm
from pain.baselines.optimum import optimum
from pain.baselines.ordinal_rows import make_rows
from pain.datasets.pspi import MAX_PSPI
from pain.errors import Problem

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

NAMES = "p", "lam", "gamma", "epsilon", "rho", "smooth", "max_iter", "converged"


class OSVR:
    """Ordinal support vector regression; the defaults are those of its authors' published code.

    p: the power of the loss, 1 or 2
    lam: the weight of 1/2 |theta|^2, in which the bias is
    gamma: the weights of labelled frames and of pairs of frames
    epsilon: within which distance of its label a frame's score costs nothing, and by how much the score of the frame
        nearer the apex should be above the other's
    rho: the step of the ADMM; max_iter: its most iterations
    smooth: whether a pair's weight is divided by how many frames lie from one to the other
    converged: go on to the optimum, to 1e-6 of the objective; rho and max_iter are not used then

    After fit(): theta_, (D + 1,) float64, the bias last; n_iter_; objective_, a float.
    """

    def __init__(self, p: int = 2, lam: float = 1, gamma: Sequence[float] = (100, 1),
                 epsilon: Sequence[float] = (0.1, 1), rho: float = 0.1, smooth: bool = True, max_iter: int = 300,
                 converged: bool = False) -> None:
        self.p, self.lam, self.gamma, self.epsilon = p, lam, gamma, epsilon
        self.rho, self.smooth, self.max_iter, self.converged = rho, smooth, max_iter, converged

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments of the constructor, {name: value}. deep: as scikit-learn has it; there is nothing deeper."""
        return {name: getattr(self, name) for name in NAMES}

    def set_params(self, **params: Any) -> OSVR:
        """Set arguments of the constructor by name. Returns self. Raises Problem for other names."""
        for name, value in params.items():
            if name not in NAMES:
                raise Problem("OSVR: no parameter %s; there is %s" % (name, ", ".join(NAMES)))
            setattr(self, name, value)
        return self

    def __repr__(self):
        return "OSVR(%s)" % ", ".join("%s=%r" % item for item in self.get_params().items())

    def fit(self, sequences: Sequence[ArrayLike], labels: Sequence[ArrayLike]) -> OSVR:
        """Learn from videos. Returns self.

        sequences: a list of (T, D) arrays, a video's frames in order
        labels: as many arrays; (T,), the label of every frame, or (K, 2), a frame's number from 0 and its label in a
            row. Labels are 0..16, PSPI or intensities.
        Raises Problem for anything that cannot be learned from, naming the video.
        """
        check_parameters(self)
        sequences = read_sequences(sequences)
        pairs = read_labels(labels, sequences)
        frames, values = zip(*pairs)
        rows = make_rows(sequences, frames, values, self.gamma, self.epsilon, self.smooth)
        if self.converged:
            self.theta_, self.n_iter_ = optimum(rows, self.p, self.lam)
        else:
            self.theta_, self.n_iter_ = admm(rows, self.p, self.lam, self.rho, self.max_iter)
        self.objective_ = float(rows.objective(self.theta_, self.lam, self.p))
        self.n_features_in_ = len(self.theta_) - 1
        return self

    def predict(self, frames: ArrayLike) -> np.ndarray:
        """The intensities, (T,) float64, of frames, (T, D); not clipped. Raises Problem before fit(), or for others."""
        if not hasattr(self, "theta_"):
            raise Problem("OSVR: not fitted yet; call fit() first")
        frames = read_frames(frames, "frames")
        if frames.shape[1] != self.n_features_in_:
            raise Problem("frames: %d features each, but OSVR was fitted to %d" % (
                frames.shape[1], self.n_features_in_))
        return frames.dot(self.theta_[:-1]) + self.theta_[-1]


def check_parameters(model):
    """Raise Problem unless the parameters make sense."""
    def are_numbers(values, count, least):
        try:
            values = np.array(values, float)
        except (TypeError, ValueError):
            return False
        return values.shape == ((count,) if count else ()) and bool(np.all((values >= least) & (values < np.inf)))

    tiny = np.finfo(float).tiny
    for name, valid, wanted in (
            ("p", are_numbers(model.p, 0, 1) and model.p in (1, 2), "1 or 2"),
            ("lam", are_numbers(model.lam, 0, tiny), "a number above 0"),
            ("gamma", are_numbers(model.gamma, 2, 0), "two numbers, 0 or more"),
            ("epsilon", are_numbers(model.epsilon, 2, 0), "two numbers, 0 or more"),
            ("rho", are_numbers(model.rho, 0, tiny), "a number above 0"),
            ("max_iter", are_numbers(model.max_iter, 0, 1) and model.max_iter == int(model.max_iter),
             "a whole number, 1 or more")):
        if not valid:
            raise Problem("OSVR: %s is %r, not %s" % (name, getattr(model, name), wanted))


def read_frames(frames, what):
    """`frames` as a (T, D) float64 array. Raises Problem, naming `what`, unless it is one of finite numbers."""
    try:
        array = np.asarray(frames)
        array = array.astype(float, copy=False) if array.dtype.kind in "biuf" else None
    except (TypeError, ValueError):
        array = None
    if array is None or array.ndim != 2 or not array.shape[1]:
        raise Problem("%s: not an array of numbers, a row a frame and a column a feature" % what)
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        raise Problem("%s: frame %d, feature %d is %s; leave the frame out, or fill it in" % (
            what, *bad[0], array[tuple(bad[0])]))
    return array


def read_sequences(sequences):
    """The videos as a list of (T, D) float64, T > 0. Raises Problem, naming the video, unless they are such."""
    try:
        sequences = [read_frames(frames, "video %d" % number) for number, frames in enumerate(sequences)]
    except TypeError:
        raise Problem("sequences: not a list of arrays, one a video") from None
    if not sequences:
        raise Problem("sequences: no videos; OSVR learns from one or more")
    for number, frames in enumerate(sequences):
        if not len(frames):
            raise Problem("video %d: no frames; leave it out" % number)
        if frames.shape[1] != sequences[0].shape[1]:
            raise Problem("video %d: %d features a frame, but video 0 has %d" % (
                number, frames.shape[1], sequences[0].shape[1]))
    return sequences


def read_labels(labels, sequences):
    """Of each video the numbers of the labelled frames, (K,) int in order, and their labels, (K,) float64.

    Raises Problem, naming the video, for what fit() cannot take.
    """
    try:
        labels = list(labels)
    except TypeError:
        raise Problem("labels: not a list of arrays, one a video") from None
    if len(labels) != len(sequences):
        raise Problem("labels: of %d videos, but there are %d" % (len(labels), len(sequences)))
    pairs = [read_video_labels(given, len(frames), "video %d" % number)
             for number, (given, frames) in enumerate(zip(labels, sequences))]
    different = np.unique(np.concatenate([values for _, values in pairs]))
    if len(different) == 1:
        raise Problem("labels: all are %g; OSVR learns from two different ones or more" % different[0])
    return pairs


def read_video_labels(given, count, what):
    """A video's labelled frames and their labels, as read_labels() returns them. count: the video's frames."""
    try:
        array = np.asarray(given)
        array = array.astype(float) if array.dtype.kind in "biuf" else None
    except (TypeError, ValueError):
        array = None
    if array is not None and not array.size:
        raise Problem("%s: no labelled frame; label at least one, or leave the video out" % what)
    if array is None or array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] != 2):
        raise Problem("%s: its labels are neither a number a frame nor rows of a frame's number and its label" % what)
    if array.ndim == 1:
        if len(array) != count:
            raise Problem("%s: %d labels for %d frames; label all, or give frames' numbers with them" % (
                what, len(array), count))
        array = np.column_stack([np.arange(count), array])
    frames, values = array.T
    wrong = frames[~((frames >= 0) & (frames < count) & (frames == np.floor(frames)))]
    if len(wrong):
        raise Problem("%s: a label of frame %g; its frames are 0 to %d" % (what, wrong[0], count - 1))
    wrong = values[~((values >= 0) & (values <= MAX_PSPI))]
    if len(wrong):
        raise Problem("%s: label %g is not between 0 and %d" % (what, wrong[0], MAX_PSPI))
    order = np.argsort(frames, kind="stable")
    frames, values = frames[order].astype(int), values[order]
    again = frames[1:][frames[1:] == frames[:-1]]
    if len(again):
        raise Problem("%s: frame %d is labelled twice" % (what, again[0]))
    return frames, values
