"""The arguments of the commands that train and predict folds."""
from __future__ import annotations

from typing import TYPE_CHECKING

from pain.pieces.arguments import add_where, read_where
from pain.training.jobs import read_jobs

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from pain.pieces.where import Where


def add_arguments(parser: ArgumentParser, one_fold: bool = True) -> None:
    """Which folds, where their trainings go, which caffe trains them, where, and how many at a time: where_of().

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
    add_where(parser)


def where_of(args: Namespace) -> Where:
    """The Where of add_arguments(). Raises Problem for what is none."""
    return read_where(args.where, read_jobs(args.jobs, args.gpu))
