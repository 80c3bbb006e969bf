"""The paper's figure 1: labelled and predicted intensity, frame by frame."""
from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pain.datasets.pspi import CLASSES
from pain.errors import Problem
from pain.evaluation.frames import full_name, in_order
from pain.evaluation.metrics import mae, pcc
from pain.plots import BLUE, STYLES

if TYPE_CHECKING:
    from pain.evaluation.frames import Result, Video


def find_video(result: Result, subject: str | None = None, video: str | None = None) -> Video:
    """The Video of `result` that is meant, its frames in order; of several, the one whose labels vary most (in std).

    subject, video: a name, a number from 1, or None for any; video also as SUBJECT/VIDEO.
    Raises Problem, listing some names, when none fits, or when several subjects have the video.
    """
    if video and result.no_videos:
        raise Problem(result.no_videos)
    if video and not subject and "/" in video:
        subject, video = video.split("/", 1)
    fit = called(called(result.videos, 0, subject), 1, video)
    if not fit or video and len(fit) > 1:
        names = [full_name(one) for one in fit or result.videos]
        raise Problem("%s: %s video %s; give --video %s%s" % (
            result.path, "more than one" if fit else "no", "/".join(filter(None, (subject, video))),
            " or ".join(names[:4]), " or ..." if len(names) > 4 else ""))
    return in_order(max(fit, key=lambda one: one.label.std()))


def called(videos: list[Video], field: int, wanted: str | None) -> list[Video]:
    """Those of `videos` whose subject (field 0) or video (1) has the name `wanted`, else that number; all for None."""
    names = list(dict.fromkeys(one[field] for one in videos))
    if wanted not in names:
        wanted = {str(number): name for number, name in enumerate(names, 1)}.get(wanted, wanted)
    return [one for one in videos if wanted in (None, one[field])]


def draw_paper_figure(names: list[str], videos: list[Video], top: int = CLASSES - 1, note: str = "") -> Figure:
    """Draw a Video a result, all of the same labels 0..top, under the results' `names`. Returns a matplotlib Figure.

    note: what is to be said of the nets, small below the axes.
    """
    figure = Figure(figsize=(6.4, 2.6), dpi=200)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(1, 1, 1)
    axes.plot(videos[0].frames, videos[0].label, "o-", color=BLUE, linewidth=0.8, markersize=2.2, label="ground truth")
    figures = ["MAE %.3f, PCC %.3f" % (mae(video.label, video.prediction), pcc(video.label, video.prediction))
               for video in videos]
    figures = [text.replace("nan", "undefined") for text in figures]
    for i, (name, video) in enumerate(zip(names, videos)):
        color, dashes = STYLES[i % len(STYLES)]
        label = name if len(videos) == 1 else "%s (%s)" % (name, figures[i])
        axes.plot(video.frames, video.prediction, dashes, color=color, linewidth=1.4, label=label.replace("$", r"\$"))
    title = "subject " + ", video ".join(filter(None, (videos[0].subject, videos[0].video)))
    title += ": " + figures[0] if len(videos) == 1 else ""
    axes.set_title(title.replace("$", r"\$"), fontsize=9)
    axes.set(xlabel="frame", ylabel="pain intensity", yticks=range(0, top + 1, 1 if top < 10 else 4),
             ylim=(-0.25, top + 0.25))
    axes.margins(x=0.01)
    axes.grid(axis="y", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in "top", "right":
        axes.spines[side].set_visible(False)
    axes.annotate(note, (1, 0), (0, -24), "axes fraction", "offset points", fontsize=5.5, color="0.5", ha="right",
                  va="top")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncol=2, frameon=False, fontsize=8)
    return figure
