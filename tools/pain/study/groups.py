"""Groups of a study's participants: each group's mean of some figures, with its interval over participants.

What a new study would bring are other participants, so these are drawn, as pain/evaluation/uncertainty.py draws
subjects. A participant's figure is the mean over the videos in that group that have one; one without any is left out.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pain.errors import Problem
from pain.evaluation.protocols import weighted_mean
from pain.evaluation.uncertainty import DRAWS, SEED, make_draws, with_intervals
from pain.folders import natural
from pain.study.participants import PARTICIPANT
from pain.tables import Column, Estimate, Table

USUAL = "group"  # the column of groups, unless another is named


class Group(NamedTuple):
    """A group of S participants and its M figures."""

    name: str
    videos: int
    participants: list[str]
    values: np.ndarray  # (S, M) float64, NaN where a participant has none
    estimates: list[Estimate]  # M


class OverParticipants:
    """Means over participants, for with_intervals(). values: (S, M), NaN where there is none."""

    def __init__(self, values):
        self.subjects, self.total, self.count = len(values), np.nan_to_num(values), (~np.isnan(values)).astype(float)

    def figures(self, weights):
        """The means of sets of participants. weights: (B, S). Returns (B, M)."""
        return weighted_mean(weights, self.total, self.count)


def participant_column(columns: dict[str, list]) -> str:
    """The column that says whose a video is; curve, by which each is somebody else's, where none does."""
    return next((name for name in ("sub", *PARTICIPANT) if name in columns), "curve")


def groups_of(columns: dict[str, list], by: str, figures: list[str], draws: int = DRAWS, seed: int = SEED
              ) -> list[Group]:
    """The Groups that a study's columns tell, in natural order; rows of nobody and of no group are in none.

    by: the column of groups; figures: those of the M figures. Raises Problem where there is no such column.
    """
    if by not in columns:
        raise Problem("--group %s: no such column in study.csv; it has: %s" % (by, ", ".join(columns)))
    whose = columns[participant_column(columns)]
    rows = [i for i, person in enumerate(columns["person"]) if person and columns[by][i] is not None]
    groups = []
    for name in sorted({str(columns[by][i]) for i in rows}, key=natural):
        of = {}
        for i in rows:
            if str(columns[by][i]) == name:
                of.setdefault(str(whose[i] if whose[i] is not None else columns["curve"][i]), []).append(i)
        values = np.array([[mean_of([columns[figure][i] for i in own]) for figure in figures] for own in of.values()])
        estimated = with_intervals(OverParticipants(values), make_draws(len(of), draws, seed))
        videos = len({columns["curve"][i] for own in of.values() for i in own})
        groups.append(Group(name, videos, list(of), values, [Estimate(*map(float, one)) for one in zip(*estimated)]))
    return groups


def mean_of(values):
    """The mean of the values that are not None, NaN if all are."""
    known = [value for value in values if value is not None]
    return np.mean(known) if known else np.nan


def groups_table(groups: list[Group], by: str, titles: dict[str, str], whose: str) -> Table:
    """The Groups as a Table. titles: {figure: what people read}; whose: participant_column()."""
    return Table("groups", "Means over participants, by %s" % by, [
        Column("group", by), Column("participants", "participants", 0), Column("videos", "videos", 0),
        *(Column(figure, title, 2, True) for figure, title in titles.items())],
        [[group.name, len(group.participants), group.videos, *group.estimates] for group in groups],
        "A participant, by the column %s, counts once, however many videos there are. The intervals are where the mean "
        "lies in 95 of 100 draws of as many participants, with replacement; they say how sure each mean is, and are no "
        "test of whether groups differ." % whose)
