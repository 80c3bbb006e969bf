"""What is trivial to predict, and every result should beat: no pain at all, and everybody's mean."""
from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pain.evaluation.frames import Result

TRIVIAL = "all zeros", "all mean"  # the mean of the other subjects


def trivial_results(groups: list[list[Result]]) -> list[Result]:
    """The trivial results, all zeros and all mean, on the labels of each of some groups of results."""
    trivial = []
    for group in groups:
        suffix = "" if len(groups) == 1 else " (%s)" % ", ".join(result.name for result in group)
        trivial += [all_zeros(group[0], TRIVIAL[0] + suffix), all_mean(group[0], TRIVIAL[1] + suffix)]
    return [result for result in trivial if result]


def all_zeros(result: Result, name: str = "all zeros") -> Result:
    """The paper's trivial solution: `result`'s labels, each predicted as 0, as a Result of that name."""
    return result._replace(name=name, videos=[video._replace(prediction=np.zeros(len(video.label)))
                                              for video in result.videos])


def all_mean(result: Result, name: str = "all mean") -> Result | None:
    """The other one: each subject's frames predicted as the mean label of all frames of the other subjects.

    Returns a Result of that name, or None where there is but one subject.
    """
    total, frames = Counter(), Counter()
    for video in result.videos:
        total[video.subject] += float(video.label.sum())
        frames[video.subject] += len(video.label)
    if len(frames) < 2:
        return None
    mean = {subject: (sum(total.values()) - total[subject]) / (sum(frames.values()) - frames[subject])
            for subject in frames}
    return result._replace(name=name, videos=[video._replace(prediction=np.full(len(video.label), mean[video.subject]))
                                              for video in result.videos])
