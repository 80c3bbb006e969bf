"""The arguments of the commands that read people's labels."""
from __future__ import annotations

from typing import TYPE_CHECKING

from pain.errors import Problem
from pain.labels.record import Reading

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_reading(parser: ArgumentParser) -> None:
    """The arguments that say how labels are to be read."""
    parser.add_argument("--first-frame", type=int, choices=(0, 1), default=0,
                        help="whether the labels' frames are counted from 0 or from 1 (default: %(default)s)")
    parser.add_argument("--pspi", action="store_true", help="labels are PSPI, 0..16, to be quantised to 0..5")
    parser.add_argument("--unmarked", type=float, metavar="LABEL", help="the label of frames that are in none of a "
                        "rater's intervals (default: they have none)")
    parser.add_argument("--raters", nargs="+", default=[], metavar="NAME", help="the columns, tiers or behaviors with "
                        "labels, where not all have them, or are not called label or label_NAME")


def reading_of(args: Namespace) -> Reading:
    """The Reading that the arguments ask for. Raises Problem for a label that is none."""
    reading = Reading(args.first_frame, args.pspi, raters=tuple(args.raters))
    if args.unmarked is None:
        return reading
    if not 0 <= args.unmarked <= reading.top:
        raise Problem("--unmarked %s: a label is 0 to %d" % (args.unmarked, reading.top))
    return reading._replace(unmarked=args.unmarked)
