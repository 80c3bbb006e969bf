"""The arguments of the commands that rate videos: which nets do, and how."""
from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments that load_estimator() takes of whoever rates videos: model, net, gpu, track, calibration."""
    parser.add_argument("--model", nargs="+", required=True, metavar="PATH",
                        help="caffemodels, or folders that `make train` has filled")
    parser.add_argument("--net", help="the models' prototxt (default: prototxt/pain_regression.prototxt in a folder "
                                      "above them, else the project's)")
    parser.add_argument("--gpu", type=int, metavar="N", help="the GPU for the nets (default: the CPU)")
    parser.add_argument("--track", action="store_true", help="a curve a person, not of the largest face alone")
    parser.add_argument("--calibration", metavar="RESULT", help="predictions.csv of leave-one-subject-out, or a folder "
                        "tree of them: the curve then shows between which values 90 %% of what observers say lies")
