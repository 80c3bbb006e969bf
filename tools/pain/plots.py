"""Colours, and a figure to draw in, that all plots share."""
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

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
