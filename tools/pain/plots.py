"""Colours, a figure to draw in, and how it is saved, that all plots share."""
import io
import warnings
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pain.files import replacing

BLUE = "#0072b2"  # the labels; no pair of these colours is alike to colour-blind eyes, and the dashes repeat later
STYLES = [("#d7191c", "-"), ("#e69f00", "--"), ("#000000", "-."), ("#009e73", ":"), ("#cc79a7", "-"),
          ("#56b4e9", "--"), ("#7a5195", "-.")]


def color_of(person):
    """The colour of a person, counted from 1."""
    return STYLES[(person - 1) % len(STYLES)][0]


def new_figure(width, height, columns=1):
    """A Figure in inches and its axes, a list."""
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    axes = [figure.add_subplot(1, columns, i + 1) for i in range(columns)]
    for one in axes:
        one.grid(color="0.9", linewidth=0.6)
        one.set_axisbelow(True)
        for side in "top", "right":
            one.spines[side].set_visible(False)
    return figure, axes


def save_figure(figure, path, **options):
    """Write a Figure to `path`, whole or not at all. options: of its savefig(), whose format is the path's suffix.

    It is drawn in memory: on a full disk matplotlib stumbles over its own half-written files.
    """
    drawn, kind = io.BytesIO(), Path(path).suffix[1:] or "png"
    undated = {"metadata": {"CreationDate": None}} if kind == "pdf" else {}  # or it were another file every time
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # of a path in other letters, which is drawn as boxes
        figure.savefig(drawn, format=kind, **undated, **options)
    with replacing(path) as partial:
        partial.write_bytes(drawn.getvalue())
