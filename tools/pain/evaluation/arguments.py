"""The arguments of the commands that score results."""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pain.datasets.pspi import CLASSES, MAX_PSPI
from pain.errors import Problem
from pain.evaluation.frame_sets import FRAME_SETS
from pain.evaluation.protocols import PROTOCOLS
from pain.evaluation.results import SUBJECTS, quantised, read_results
from pain.evaluation.uncertainty import DRAWS, SEED
from pain.variants import Scoring

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from pain.evaluation.frames import Result


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments that say what is evaluated, and how."""
    parser.add_argument("results", nargs="*", metavar="RESULT",
                        help="a predictions.csv, a folder tree of them (models/smooth_l1), or the authors' .mat file")
    parser.add_argument("--pspi", nargs="+", metavar="RESULT", default=[],
                        help="more results, whose labels and predictions are PSPI 0..16: they are quantised to 0..5")
    parser.add_argument("--raw", action="store_true", help="score the results of --pspi as they are, 0..16")
    parser.add_argument("--protocol", choices=PROTOCOLS, default="subject",
                        help="average over subjects (the paper's) or videos, or pool all frames (default: %(default)s)")
    parser.add_argument("--frames", choices=FRAME_SETS, default="all",
                        help="of each video all, what OSVR's authors scored, or what this paper's authors' code trains "
                        "on (default: %(default)s)")
    parser.add_argument("--subjects", choices=SUBJECTS, default="all",
                        help="all, or only those who show pain at all, 24 of UNBC's 25 (default: %(default)s)")
    parser.add_argument("--draws", type=int, default=DRAWS,
                        help="of subjects, for intervals and p (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="of the draws (default: %(default)s)")


def read_arguments(args: Namespace) -> tuple[list[Result], Scoring]:
    """The results that the arguments name, and what is to be scored of them. Raises Problem for what does not fit."""
    if not args.results and not args.pspi:
        raise Problem("name a result to score: a predictions.csv, a folder of them, or a .mat file; see --help")
    if args.raw and args.results:
        raise Problem("%s: holds 0..5, which --raw cannot score; name results in PSPI after --pspi" % args.results[0])
    if args.raw and not args.pspi:
        raise Problem("--raw scores results in PSPI; name them after --pspi")
    if not 1 <= args.draws <= 10 ** 6:
        raise Problem("--draws %d: must be 1 to 1000000" % args.draws)
    if not 0 <= args.seed < 2 ** 32:
        raise Problem("--seed %d: must be 0 to 4294967295" % args.seed)
    pspi = list(map(Path, args.pspi))
    both = set(pspi) & set(map(Path, args.results))
    if both:
        raise Problem("%s: named as 0..5 and after --pspi; name it once" % min(both))
    results = read_results([*args.results, *args.pspi], pspi)
    if not args.raw:
        results = [quantised(result) if result.path in pspi else result for result in results]
    return results, Scoring(args.frames, MAX_PSPI if args.raw else CLASSES - 1, args.subjects, args.protocol)
