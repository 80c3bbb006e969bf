"""The picture of a pain curve: intensity over time, what observers say of it, episodes, and where there is no face."""
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from pain.datasets.pspi import CLASSES
from pain.notice import short_notice
from pain.plots import BLUE, color_of
from pain.provenance import origin_said
from pain.video.curve import VALUES, Row
from pain.video.episodes import episodes
from pain.video.labels import PlacedLabels
from pain.video.thinning import columns, thinned
from pain.video.tracks import best, in_order, lasts, pauses, tracks

LANE = 0.09  # inches a person in the strip below
BAR = 0.17  # of intensity: what the line of a person's episodes takes above the curves
SAND, GREY, HATCH = "#faf0d7", "0.75", "//////"


def draw(about: dict, rows: list[Row], episodes_threshold: float = 1, labels: PlacedLabels | None = None) -> Figure:
    """Draw a curve, 0..5 over seconds, with its episodes of at least `episodes_threshold`. Returns a matplotlib Figure.

    The line is the smoothed intensity with the raw one pale behind it, or the raw one where nothing is smoothed. The
    band lies between low and high, or one spread either way. The strip below has a lane a person: grey where there is
    no face, hatched where there is a doubt. labels: PlacedLabels, or None. about: its "source" is the title, and its
    "origin" decides what is said of the nets.
    """
    times, people = in_order(rows)[1], tracks(rows)
    strip_height = LANE * max(1, len(people))
    figure = Figure(figsize=(6.4, 2.5 + strip_height), dpi=200)
    FigureCanvasAgg(figure)
    axes, strip = figure.subplots(2, 1, sharex=True, gridspec_kw=dict(height_ratios=[1.95, strip_height], hspace=0.03))
    shown = {}  # what the legend explains: a handle a text
    for bar, track in zip(reversed(range(len(people))), people):
        draw_person(axes, times, track, len(people) > 1, shown)
        draw_episodes(axes, times, track, bar if len(people) > 1 else None, episodes_threshold, shown)
    if labels is not None and len(labels.times):
        x, y = thinned(labels.times, labels.values)
        shown["ground truth"], = axes.plot(x, y, "o-", color=BLUE, linewidth=0.8, markersize=2.2, zorder=4)
    draw_strip(strip, times, people, shown)
    dress(axes, strip, times, str(about.get("source") or ""),
          CLASSES - 0.75 + BAR * (len(people) if len(people) > 1 else 0), short_notice(origin_said(about)))
    strip.legend(shown.values(), shown.keys(), loc="upper center", bbox_to_anchor=(0.5, -0.38 / strip_height),
                 ncol=min(4, max(1, len(shown))), frameon=False, fontsize=8, handlelength=1.6, columnspacing=1.6)
    return figure


def draw_person(axes, times, track, several, shown):
    """Draw a Track's band and lines. several: whether it is one of several."""
    times, track = with_pauses(times, track)
    color, values = color_of(track.person), best(track)
    bounded, smoothed = (not np.isnan(column).all() for column in (track.low, track.smoothed))
    low, high = (track.low, track.high) if bounded else (track.intensity - track.spread, track.intensity + track.spread)
    if not np.isnan(low).all():
        starts = columns(times)
        between = np.clip([np.fmin.reduceat(low, starts), np.fmax.reduceat(high, starts)], 0, CLASSES - 1)
        axes.fill_between(times[starts], *between, color=color, alpha=0.09 if several else 0.16, linewidth=0)
        shown.setdefault("90 % of labels" if bounded else "spread of the nets",
                         Patch(color="0.4" if several else color, alpha=0.25, linewidth=0))
    if smoothed:
        axes.plot(*thinned(times, track.intensity), color=color, linewidth=0.6, alpha=0.25 if several else 0.4)
    x, y = thinned(times, values)
    axes.plot(x, y, color=color, linewidth=1.3 if x is times else 0.7, solid_joinstyle="round")
    alone = ~np.isnan(values) & np.isnan(np.append(np.nan, values[:-1])) & np.isnan(np.append(values[1:], np.nan))
    axes.plot(times[alone], values[alone], ".", color=color, markersize=2.5)  # of which a line shows nothing
    name = "person %d" % track.person if several else "intensity, smoothed" if smoothed else "intensity"
    shown[name] = Line2D([], [], color=color, linewidth=1.4)
    if smoothed:
        shown.setdefault("not smoothed", Line2D([], [], color="0.4" if several else color, linewidth=0.8, alpha=0.6))


def with_pauses(times, track):
    """Times and a Track's values with a missing one in the middle of each pause, so that no line goes across it."""
    at = np.flatnonzero(pauses(times)) + 1
    missing = {field: np.insert(getattr(track, field), at, np.nan) for field in VALUES}
    return np.insert(times, at, (times[at - 1] + times[at]) / 2), track._replace(**missing)


def draw_episodes(axes, times, track, bar, threshold, shown):
    """Shade a Track's episodes, or draw them above the curves, as a bar `bar` from below, unless that is None."""
    end = times + lasts(times)
    spans = [(times[first], end[last] - times[first]) for first, last in episodes(best(track), times, threshold)]
    if not spans:
        return
    if bar is not None:
        axes.broken_barh(spans, (CLASSES - 0.75 + BAR * bar, 0.6 * BAR), facecolor=color_of(track.person), alpha=0.7,
                         linewidth=0)
        shown.setdefault("at least %g" % threshold, Line2D([], [], color="0.4", linewidth=2.5))
    else:
        style = dict(facecolor=SAND, linewidth=0)
        axes.broken_barh(spans, (0, 1), transform=axes.get_xaxis_transform(), zorder=0.8, **style)
        shown.setdefault("at least %g" % threshold, Patch(**style))


def draw_strip(strip, times, people, shown):
    """A lane a person, the first on top: grey where there is no face, hatched where there is a doubt."""
    for lane, track in enumerate(people):
        for where, text, style in (
                (~(track.found | track.interpolated), "no face", dict(facecolor=GREY, edgecolor="none", linewidth=0)),
                (track.doubted, "in doubt", dict(facecolor="white", edgecolor="0.35", hatch=HATCH, linewidth=0.4))):
            spans = stretches(times, where)
            if spans:
                strip.broken_barh(spans, (lane + 0.1, 0.8), **style)
                shown.setdefault(text, Patch(**style))
    if not people and len(times):
        strip.broken_barh([(times[0], times[-1] - times[0])], (0.1, 0.8), facecolor=GREY, linewidth=0)
        shown["no face"] = Patch(facecolor=GREY)
    strip.set_ylim(max(1, len(people)), 0)
    strip.set_yticks(np.arange(len(people)) + 0.5 if len(people) > 1 else [],
                     [track.person for track in people] if len(people) > 1 else [], fontsize=6)
    strip.tick_params(axis="y", length=0, pad=2)
    for text, track in zip(strip.get_yticklabels(), people):
        text.set_color(color_of(track.person))


def dress(axes, strip, times, title, top, said):
    """Title, axes and grid, and what is said of the nets, below. top: of the axes, in units of intensity."""
    axes.set_title(title.replace("$", r"\$"), fontsize=9)
    axes.set(ylabel="pain intensity", yticks=range(CLASSES), ylim=(-0.25, top))
    axes.grid(axis="y", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="x", length=0, labelbottom=False)
    long = len(times) and times[-1] - times[0] >= 180
    strip.set_xlabel("time in minutes" if long else "time in seconds")
    strip.xaxis.set_major_locator(MaxNLocator(nbins=9, steps=[1, 3, 6, 10] if long else [1, 2, 5, 10]))
    if long:
        strip.xaxis.set_major_formatter(FuncFormatter(lambda x, _: "%d:%02d" % divmod(round(x), 60)))
    if len(times):
        margin = 0.01 * (times[-1] - times[0]) or 1
        axes.set_xlim(times[0] - margin, times[-1] + margin)
    strip.annotate(said, (1, 0), (0, -24), "axes fraction", "offset points", fontsize=5.5, color="0.5",
                   ha="right", va="top")
    for part, hidden in (axes, ("top", "right", "bottom")), (strip, ("top", "right", "left")):
        part.spines[list(hidden)].set_visible(False)


def stretches(times, where):
    """(start, length) in seconds of the stretches of (N,) frames where it is true; not more than can be drawn."""
    at, ends = np.flatnonzero(pauses(times)) + 1, times + lasts(times)
    parts = zip(np.split(times, at), np.split(where, at), ends[np.append(at, len(times)) - 1] if len(times) else [])
    return [stretch for part in parts for stretch in without_pause(*part)]


def without_pause(times, where, last_end):
    """stretches() of frames among which there is no pause, and which end at `last_end`."""
    starts = columns(times)
    inside = np.concatenate([[False], np.logical_or.reduceat(where, starts) if len(starts) else [], [False]])
    first, end = np.flatnonzero(inside[1:] & ~inside[:-1]), np.flatnonzero(inside[:-1] & ~inside[1:])
    edges = np.append(times[starts], last_end)
    return [(edges[a], edges[b] - edges[a]) for a, b in zip(first, end)]
