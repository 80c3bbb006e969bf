"""How a video is rated: what a person can choose on the page, within bounds, and what it is unless they do."""
from __future__ import annotations

import math
from collections.abc import Container
from typing import NamedTuple

from pain.errors import Problem
from pain.files import parse_json
from pain.video.episodes import THRESHOLDS
from pain.video.estimator import LEAST_FACE, MIN_FACE, Estimator, load_estimator
from pain.video.smoothing import FILTERS, Filter

MOST_SECONDS, MOST_THRESHOLDS = 60, 5  # of a filter; of a video


class Options(NamedTuple):
    """What predict_video.py calls --model, --track, --min-face, --smooth, --calibration and --threshold."""

    model: str = ""  # which of the server's nets, by name
    track: bool = False  # a curve a person, else that of the largest face
    min_face: float = MIN_FACE  # the smallest face looked for, a share of the picture's height
    filter: str = ""  # what smooths the curve, one of FILTERS, or nothing
    seconds: float = 0.5  # that filter's
    calibrated: bool = True  # with low and high, where the server has a calibration
    thresholds: tuple[float, ...] = THRESHOLDS  # of episodes in curve.json, and of the study

    @property
    def smoothing(self) -> Filter | None:
        return Filter(self.filter, self.seconds) if self.filter else None


USUAL = Options()


def is_share(value):
    return is_number(value) and LEAST_FACE <= value <= 1


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


CHECKS = {  # of each option: whether a value will do, and what would
    "model": (lambda value: isinstance(value, str), "a name"),
    "track": (lambda value: isinstance(value, bool), "true or false"),
    "min_face": (is_share, "a number, %g to 1" % LEAST_FACE),
    "filter": (lambda value: value in ("", *FILTERS), "empty, or %s" % " or ".join(FILTERS)),
    "seconds": (lambda value: is_number(value) and 0.01 <= value <= MOST_SECONDS, "0.01 to %d" % MOST_SECONDS),
    "calibrated": (lambda value: isinstance(value, bool), "true or false"),
    "thresholds": (lambda value: isinstance(value, list) and 0 < len(value) <= MOST_THRESHOLDS and all(
        is_number(one) and 0 < one <= 5 for one in value),
        "one to %d intensities, above 0 and at most 5" % MOST_THRESHOLDS),
}


def parse_options(text: str, usual: Options = USUAL, models: Container[str] = ("",)) -> Options:
    """The Options in a JSON object, `usual` for those that it does not name. models: the nets' names. Raises Problem.
    """
    try:
        given = parse_json(text or "{}")
        wrong = sorted(given.keys() - CHECKS.keys())
    except (ValueError, AttributeError):
        raise Problem("the options are no JSON object") from None
    if wrong:
        raise Problem("the option %s is none; there are %s" % (ascii(wrong[0]), ", ".join(CHECKS)))
    for name, value in given.items():
        will_do, what = CHECKS[name]
        if not isinstance(value, (str, int, float, bool, list)) or not will_do(value):
            raise Problem("the option %s takes %s" % (name, what))
    if given.get("model", usual.model) not in models:
        raise Problem("the option model is none of this server's; load the page again")
    if "thresholds" in given:
        given["thresholds"] = tuple(sorted({float(value) for value in given["thresholds"]}))
    return usual._replace(**given)


def with_options(estimator: Estimator, options: Options) -> Estimator:
    """An Estimator with the nets of this one, and its calibration where that is wanted, that rates by `options`."""
    calibration = estimator.calibration if options.calibrated else None
    if (estimator.track, estimator.detector.min_face, estimator.calibration) == (
            options.track, options.min_face, calibration):
        return estimator
    return load_estimator(estimator.nets, min_face=options.min_face, gap=estimator.gap, track=options.track,
                          calibration=calibration)
