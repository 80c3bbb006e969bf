"""Subjects parted among folds, nobody in two, with about as many frames, and frames of pain, in each."""
from __future__ import annotations

import numpy as np

LEAST = 1e-15  # that an exchange gains; less may be rounding


def split(frames: np.ndarray, pain: np.ndarray, folds: int) -> list[np.ndarray]:
    """Which of N subjects each fold leaves out: `folds` arrays of their numbers, rising; that with 0 comes first.

    frames, pain: (N,) integers, each subject's frames, 1 or more, and those of them that show pain. Made small is the
    sum of squares of every fold's share of all frames and of all frames of pain: subjects are dealt out from the
    largest to the smallest, and as long as it helps one moves, or two change places. No fold is empty, for a move that
    empties one makes the sum larger. A function of its arguments, without chance; N folds leave out a subject each.
    """
    shares = np.stack([frames / frames.sum(), pain / max(1, pain.sum())])
    count, order = len(frames), np.argsort(-shares[0] - shares[1], kind="stable")
    empty = np.arange(folds)  # a place in each fold; who changes places with that moves there
    shares = np.concatenate([shares, np.zeros((2, folds))], axis=1)
    fold = np.concatenate([np.arange(count), empty])
    fold[order] = np.arange(count) % folds
    while True:
        load = np.stack([np.bincount(fold, share, folds) for share in shares])[:, fold]
        more = shares[:, None, :] - shares[:, :, None]  # for the fold of i when i and j change places
        change = (2 * more * (load[:, :, None] - load[:, None, :] + more)).sum(axis=0)
        change[fold[:, None] == fold] = 0
        i, j = np.unravel_index(change.argmin(), change.shape)
        if change[i, j] > -LEAST:
            return sorted((np.flatnonzero(fold[:count] == number) for number in range(folds)), key=lambda some: some[0])
        fold[i], fold[j] = fold[j], fold[i]
        fold[count:] = empty
