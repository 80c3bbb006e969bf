"""Published results on UNBC-McMaster, how each was scored, and whether it may stand beside the paper's own rows.

What is not certain is said: read off public code or result files, inferred, or not checked in the paper.
"""
from __future__ import annotations

from typing import NamedTuple

from pain.evaluation.metrics import title


class Published(NamedTuple):
    """A published result.

    figures: {metric: float}; comparable: whether they are of the paper's frames, scale, subjects and folds, None where
    that is not known; why: what they are of, and how sure that is
    """
    work: str
    figures: dict[str, float]
    comparable: bool | None
    why: str


PUBLISHED = (
    Published("Wang 2017, l1 + l1 center loss", dict(mae=.389, mse=.820, pcc=.603), True,
              "25 subjects left out one by one, 0..5, all frames; from their result file"),
    Published("Wang 2017, smooth l1 + l1 center loss", dict(mae=.450, mse=.774, pcc=.652), True,
              "the same; the paper prints 0.456 0.804 0.651"),
    Published("Wang 2017, l1 + l1 center loss + sampling", dict(mae=.572, mse=1.026, pcc=.634, wmae=1.039), True,
              "the same; the paper prints only its wMAE and wMSE"),
    Published("Zhao 2016, OSVR-l1", dict(mae=1.025, pcc=.600), False,
              "other frames: long stretches of equal labels are thinned, 24 subjects; from their code and labels"),
    Published("Zhao 2016, OSVR-l2", dict(mae=.810, pcc=.601), False, "the same"),
    Published("Zhou 2016, RCR", dict(mse=1.54, pcc=.65), False,
              "another scale: PSPI 0..16, inferred, as all zeros has a lower MSE on 0..5"),
    Published("Kaltwang 2012", dict(mse=1.39, pcc=.59), False, "another scale: PSPI 0..16; not checked"),
    Published("Egede 2017", dict(pcc=.673), False, "another scale: 16 levels"),
    Published("Rodriguez 2017, Deep Pain", dict(mse=.74, pcc=.78), False, "other frames: balanced; not checked"),
    Published("Tavakolian 2019", dict(mse=.32, pcc=.92), None, "protocol unknown; not checked"),
    Published("Rajasekhar 2021, WSDA-OR", dict(mae=.530, pcc=.705, icc31=.696), False,
              "another scale, of 5 levels, and weak labels"),
    Published("ViTPain 2025", dict(pcc=.44), False, "other folds, 5, and another scale, 0..16; PCC 0.28 to 0.44"),
)
VERDICTS = {True: "yes", False: "no", None: "unknown"}


def published_text() -> str:
    """PUBLISHED as a table of text."""
    lines = ["Published on UNBC-McMaster: may it stand beside the paper's rows?"]
    for one in PUBLISHED:
        figures = ", ".join("%s %.3f" % (title(metric), figure) for metric, figure in one.figures.items())
        lines.append("%-44s %-9s%-49s%s" % (one.work, VERDICTS[one.comparable], figures, one.why))
    return "\n".join(lines) + "\n"
