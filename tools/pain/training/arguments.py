"""The arguments of the commands that train and predict folds."""
from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser


def add_arguments(parser: ArgumentParser, one_fold: bool = True) -> None:
    """Which folds, where their trainings go, which caffe trains them, and how many at a time (jobs.read_jobs).

    one_fold: whether one of them can be chosen, and trainings go to folders of their variants
    """
    parser.add_argument("--folds", default="data/folds", help="where `make folds` put them (default: %(default)s)")
    if one_fold:
        parser.add_argument("--models", default="models", help="where results go (default: %(default)s)")
        parser.add_argument("--fold", type=int, help="only the fold of this number (default: all)")
    parser.add_argument("--caffe", default="caffe", help="the caffe command (default: %(default)s)")
    parser.add_argument("--gpu", type=int, help="the GPU to train and predict on (default: the CPU)")
    parser.add_argument("--jobs", default="1", help="trainings at a time; auto: as many as keep a GPU busy (default: "
                        "%(default)s)")
