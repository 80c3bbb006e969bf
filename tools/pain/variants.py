"""The rows of the paper's tables 1 and 2: this project's variants, and what the paper compares them with."""
from __future__ import annotations

from typing import NamedTuple

METRICS = "mae", "mse", "pcc", "wmae", "wmse"  # that the paper prints


class Scoring(NamedTuple):
    """What figures are of: only those of the same may be compared."""
    frames: str = "all"  # a frame set's name (pain/evaluation/frame_sets.py)
    top: int = 5  # the highest label: 5, or 16 for PSPI itself
    subjects: str = "all"  # or "pain": those who show any, 24 of UNBC-McMaster's 25
    protocol: str = "subject"  # what is averaged over (pain/evaluation/protocols.py)


PAPERS = Scoring()  # this paper's own rows
OSVRS = Scoring(frames="osvr", subjects="pain")  # read off its authors' code and published labels
RCRS = Scoring(top=16)  # inferred: its MSE is above that of all zeros on 0..5


class Variant(NamedTuple):
    """A row of the paper's tables.

    name: in files: a variant is trained by prototxt/solvers/<name>.prototxt in models/<name>
    title: in tables, as the paper prints it
    method: what it is, in words
    solver: its solver below prototxt/; None where none trains it
    printed: {metric: the paper's figure}, on UNBC-McMaster; without those that it does not give
    scoring: what these figures are of
    """
    name: str
    title: str
    method: str
    solver: str | None
    printed: dict[str, float]
    scoring: Scoring = PAPERS


def trained(name, title, method, **printed):
    """The Variant that prototxt/solvers/<name>.prototxt trains."""
    return Variant(name, title, method, "solvers/%s.prototxt" % name, printed)


def quoted(name, title, method, scoring=PAPERS, **printed):
    """A Variant that no solver trains."""
    return Variant(name, title, method, None, printed, scoring)


VARIANTS = (  # in the paper's order
    trained("smooth_l1", "smooth l1", "smooth L1 loss of the regressed intensity",
            mae=.416, mse=1.060, pcc=.524, wmae=1.596, wmse=4.396),
    trained("l1_center_l1", "l1 + l1 center loss", "L1 loss, regularised by the center loss in L1",
            mae=.389, mse=.820, pcc=.603, wmae=1.388, wmse=3.438),
    trained("smooth_l1_center_l1", "smooth l1 + l1 center loss",
            "smooth L1 loss, regularised by the center loss in L1",
            mae=.456, mse=.804, pcc=.651, wmae=1.289, wmse=2.880),
    trained("smooth_l1_center_l2", "smooth l1 + l2 center loss",
            "smooth L1 loss, regularised by the center loss in L2",
            mae=.435, mse=.816, pcc=.625, wmae=1.324, wmse=3.075),
    trained("l1_center_l1_sampling", "l1 + l1 center loss + sampling",
            "L1 loss and L1 center loss, on batches balanced over the intensities", wmae=1.039, wmse=1.999),
    trained("smooth_l1_center_l1_sampling", "smooth l1 + l1 center loss + sampling",
            "the paper's whole method: smooth L1 loss and L1 center loss, on batches balanced over the intensities",
            wmae=.991, wmse=1.720),
    quoted("osvr_l1", "OSVR-l1", "ordinal support vector regression, L1 (Zhao et al., CVPR 2016)", OSVRS,
           mae=1.025, pcc=.600, wmae=1.309, wmse=2.758),
    quoted("osvr_l2", "OSVR-l2", "ordinal support vector regression, L2 (Zhao et al., CVPR 2016)", OSVRS,
           mae=.810, pcc=.601, wmae=1.299, wmse=2.719),
    quoted("rcr", "RCR", "recurrent convolutional network regression (Zhou et al., CVPR Workshops 2016)", RCRS,
           mse=1.54, pcc=.65),
    quoted("all_zeros", "all zeros", "no pain in any frame", mae=.438, mse=1.353, wmae=2.143, wmse=7.387),
    trained("rcr_style", "RCR-style",
            "a recurrent convolutional network in RCR's manner, of sizes of our own, on windows of 8 frames"),
    trained("facenet2expnet_style", "FaceNet2ExpNet-style",
            "a smaller net that a face net has taught, in FaceNet2ExpNet's manner, then trained as the whole method"),
    quoted("temporal_lstm", "LSTM over time", "an LSTM on the features that a variant's nets have of every frame"),
    quoted("smoothed", "smoothed in time", "a variant's predictions smoothed by a Gaussian"),
    trained("mse", "mse", "squared error, the paper's equation 1, which is in neither table"),
)
METHOD = next(variant for variant in VARIANTS if variant.name == "smooth_l1_center_l1_sampling")  # the whole method


def title_of(name):
    """What tables call the variant of this name; of any other name, the name itself."""
    return next((variant.title for variant in VARIANTS if variant.name == name), name)


def printed(title, scoring=PAPERS):
    """The paper's figures of the row of this title, {metric: float}; {} where none are of `scoring`."""
    return next((variant.printed for variant in VARIANTS if (variant.title, variant.scoring) == (title, scoring)), {})
