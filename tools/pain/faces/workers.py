"""Pieces of work in which faces are found: each process that does some has a detector of its own."""
from __future__ import annotations

import importlib.util
import sys
from typing import Sequence

from pain.errors import Problem
from pain.faces.detector import MIN_FACE, FaceDetector
from pain.pieces.piece import PROCESS, Piece
from pain.pieces.where import Where


class Alignment(Piece):
    """A piece that finds faces, with `detector`, of at least the share `min_face` of an image's height."""

    how, method = PROCESS, "spawn"  # TensorFlow does not survive a fork
    min_face = MIN_FACE

    @classmethod
    def start(cls, threads):
        cls.detector = FaceDetector(threads, cls.min_face)


def align_all(pieces: Sequence[Alignment], where: Where) -> None:
    """See the pieces through. Raises Problem when this Python has no MTCNN, and as Where.see_through() does."""
    if importlib.util.find_spec("mtcnn") is None and not all(piece.done() for piece in pieces):
        raise Problem("%s: has no package mtcnn, with which faces are found; take another Python for this step"
                      % sys.executable)
    where.see_through(pieces, "align")
