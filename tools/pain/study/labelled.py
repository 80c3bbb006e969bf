"""Curves and people's labels put together as predictions.csv, which evaluate.py and report.py take.

    predictions.csv      subject, video, frame, label, prediction: the frames that have both, of several raters the mean
    rater-<name>.csv     the same by each of several raters
    *.origin.json        beside each, what the nets that made the curves have learned from
    labels.about.json    what it was made of, what was not covered, and how far raters and net agree
"""
from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pain.errors import Problem
from pain.evaluation.metrics import mae, pcc
from pain.evaluation.printing import decimals
from pain.evaluation.results import COLUMNS
from pain.files import or_none, replacing, rounded
from pain.labels.agreement import Agreement, agreement
from pain.labels.matching import subject_of
from pain.labels.record import Labels
from pain.notice import notice
from pain.people_tables import PeopleTable
from pain.provenance import Origin, as_dict, merged, record_of, write_csv_with_origin
from pain.study.participants import PARTICIPANT, Named, partners
from pain.video.labels import main_person, mean_of, on_frames
from pain.video.tracks import in_order, track_of
from pain.video.whole_curve import Curve
from pain.video_names import NamePattern, said_by

NET, MEAN = "net", "mean"  # what tables call them


class LabelledCurve(NamedTuple):
    """A video's N frames with what the net and the raters say of them."""

    subject: str
    video: str  # the curve's name
    frames: list[int]
    prediction: np.ndarray  # (N,) float64, NaN where there is none
    labels: dict[str, np.ndarray]  # {rater: (N,) float64, NaN where there is none}
    lost: int  # labels of no frame
    origin: Origin

    @property
    def label(self) -> np.ndarray:
        """The mean of the raters, (N,) float64."""
        return mean_of(np.array(list(self.labels.values())))


class Pair(NamedTuple):
    """How far two, the net or raters, are from one another on the frames that all have rated."""

    first: str
    second: str
    mae: float
    pcc: float
    icc21: float
    alpha: float


class Ceiling(NamedTuple):
    """The raters' agreement, and the net's with them."""

    frames: int  # that the net and all raters have rated
    pairs: list[Pair]  # of these frames: the net with the mean, the net with each rater, each two raters
    raters: Agreement | None  # of these raters, on all that they have rated; None where no two have rated a frame
    apart: list[str]  # raters who have rated no frame that another has, too, and are left out


def subject_in(participants: PeopleTable | None, name: str, source: str, labels: Sequence[tuple[str, Labels]],
               pattern: NamePattern | None) -> str:
    """Who is in a curve: as participants have it, or else its labels, its name, or its video's.

    labels: the curve's, as subject_of() takes them. Raises Problem where that is open.
    """
    said = next(filter(None, (said_by(path, pattern) for path in (name, source))), {})
    if participants:
        row, = partners(participants, [Named((source, name), 1, said)])
        column = next(filter(participants.has, PARTICIPANT), None)
        if column and row is not None:
            return participants.texts(column)[row]
    return subject_of(name if said_by(name, pattern) else source, labels, pattern)


def labelled_curve(subject: str, name: str, curve: Curve, raters: Sequence[Labels]) -> LabelledCurve:
    """The LabelledCurve of a curve: of whoever is in most frames, smoothed where it is.

    Raises Problem when it has no person, or two Labels are of one rater.
    """
    place, times = in_order(curve.rows)
    person = main_person(curve.rows)
    if person is None:
        raise Problem("%s: nobody is in it" % name)
    track = track_of(person, [row for row in curve.rows if row.person == person], place)
    labels, lost = {}, 0
    for rater in raters:
        if rater.rater in labels:
            raise Problem("%s: labels twice%s; name the raters in a column, by tiers, or by their files" % (
                name, " by rater " + rater.rater if rater.rater else ""))
        labels[rater.rater], without_frame = on_frames(rater, list(place), times)
        lost += without_frame
    return LabelledCurve(subject, name, list(place), track.smoothed if curve.filter else track.intensity, labels, lost,
                         curve.origin)


def raters_of(curves: Sequence[LabelledCurve]) -> list[str]:
    """The names of all raters."""
    return sorted({rater for curve in curves for rater in curve.labels})


def counts(curves: Sequence[LabelledCurve]) -> dict[str, int]:
    """How many frames have both a label and an intensity, or one of them only, and how many labels have no frame."""
    known = [(~np.isnan(curve.label), ~np.isnan(curve.prediction)) for curve in curves]
    return dict(frames=sum(int((label & net).sum()) for label, net in known),
                labelled_without_intensity=sum(int((label & ~net).sum()) for label, net in known),
                intensity_without_label=sum(int((net & ~label).sum()) for label, net in known),
                labels_without_frame=sum(curve.lost for curve in curves))


def ceiling(curves: Sequence[LabelledCurve]) -> Ceiling:
    """The Ceiling of some curves, all their frames together.

    Where no two raters have rated a frame, there is a label a frame, whoever has given it.
    """
    names = raters_of(curves)
    net = np.concatenate([curve.prediction for curve in curves])
    ratings = np.array([np.concatenate([curve.labels.get(rater, np.full(len(curve.frames), np.nan))
                                        for curve in curves]) for rater in names])
    rated = ~np.isnan(ratings)
    together = (rated & (rated.sum(axis=0) > 1)).any(axis=1)
    apart = [name for name, beside in zip(names, together) if not beside]
    names, ratings = [name for name in names if name not in apart], ratings[together]
    if not names:
        names, ratings, apart = [""], np.concatenate([curve.label for curve in curves])[None], []
    raters = agreement(ratings) if len(names) > 1 else None
    common = ~np.isnan(net) & ~np.isnan(ratings).any(axis=0)
    net, ratings = net[common], ratings[:, common]
    columns = {NET: net, **({MEAN: ratings.mean(axis=0)} if len(names) > 1 else {}),
               **{("rater " + name if name else "labels"): column for name, column in zip(names, ratings)}}
    several = [(first, second) for first, second in combinations(columns, 2) if MEAN != first]
    return Ceiling(int(common.sum()), [pair(columns, *both) for both in several if common.any()], raters, apart)


def pair(columns, first, second):
    """The Pair of two of the columns, {name: (N,)}."""
    one, other = columns[first], columns[second]
    both = agreement([one, other])
    return Pair(first, second, mae(one, other), pcc(one, other), both.icc21, both.alpha)


def write_predictions(folder: Path, curves: Sequence[LabelledCurve], settings: dict[str, Any]) -> list[Path]:
    """Write the predictions of curves into `folder`, in the place of earlier ones. Returns the paths of the tables.

    settings: what else labels.about.json says, a dict ready for JSON. Raises Problem where no frame has both a label
    and an intensity.
    """
    names = raters_of(curves)
    tables = {"predictions.csv": rows_of(curves, [curve.label for curve in curves])}
    if not tables["predictions.csv"]:
        raise Problem("%s: no frame has both a label and an intensity; do the labels' times or frames fit the videos?"
                      % ", ".join(curve.video for curve in curves[:3]))
    for name in names if len(names) > 1 else ():
        tables["rater-%s.csv" % (re.sub(r"[^\w.-]+", "_", name) or "unnamed")] = rows_of(curves, [
            curve.labels.get(name, np.full(len(curve.frames), np.nan)) for curve in curves])
    for path in [path for path in folder.glob("rater-*.csv") if path.name not in tables]:
        for old in path, record_of(path):
            with contextlib.suppress(FileNotFoundError):
                old.unlink()
    origin = merged([curve.origin for curve in curves])
    for name, rows in tables.items():
        write_csv_with_origin(folder / name, COLUMNS, rows, origin)
    found = ceiling(curves)
    about = dict(notice=notice(origin), origin=as_dict(origin), **settings, counted=counts(curves),
                 curves={curve.video: dict(subject=curve.subject, raters=list(curve.labels), **counts([curve]))
                         for curve in curves},
                 agreement=dict(frames=found.frames, raters=found.raters and figures(found.raters),
                                pairs=[figures(pair) for pair in found.pairs], apart=found.apart))
    with replacing(folder / "labels.about.json") as partial:
        partial.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return [folder / name for name in tables]


def figures(named):
    """A NamedTuple as a dict ready for JSON, None for NaN."""
    return or_none({name: rounded(value) if isinstance(value, float) else value
                    for name, value in named._asdict().items()})


def rows_of(curves, labels):
    """The rows of predictions.csv. labels: (N,) of each curve."""
    return [(curve.subject, curve.video, frame, "%.9g" % label, "%.6f" % prediction)
            for curve, of_curve in zip(curves, labels)
            for frame, label, prediction in zip(curve.frames, of_curve, curve.prediction)
            if label == label and prediction == prediction]


def ceiling_text(found: Ceiling) -> str:
    """A Ceiling as a table of text."""
    width = max([len("%s, %s" % pair[:2]) for pair in found.pairs], default=0)
    lines = []
    if found.pairs:
        lines = ["On the %d frames that the net and all raters have rated:" % found.frames,
                 "%-*s%9s%9s%11s%9s" % (width, "", "MAE", "PCC", "ICC(2,1)", "alpha")]
    lines += ["%-*s%9s%9s%11s%9s" % (width, "%s, %s" % pair[:2], *map(decimals, pair[2:])) for pair in found.pairs]
    if found.raters:
        lines.append("The raters among themselves, the ceiling for any net, on the %d frames that all have rated: "
                     "ICC(2,1) %s, ICC(3,k) of their mean %s; Krippendorff's alpha %s" % (
                         found.raters.frames, *map(decimals, found.raters[1:])))
    if found.apart:
        lines.append("Not among these raters, for no other has rated the same frames: %s" % ", ".join(
            name or "unnamed" for name in found.apart))
    return "\n".join(lines)
