"""The picture of a curve: what is drawn of it, and where."""
import numpy as np
import pytest

from pain import plots
from pain.notice import short_notice
from pain.provenance import KINDS, Data, Origin, as_dict
from pain.video import plot, thinning
from pain.video.curve import no_face
from pain.video.labels import PlacedLabels
from support.curves import curve, row

try:
    from matplotlib import colors
except (ImportError, OSError) as error:  # OSError: Debian's, unpacked elsewhere, does not find its own data
    pytest.skip("matplotlib does not start: %s" % error, allow_module_level=True)


def test_picture_of_one():
    times = np.arange(100) / 10
    values = np.where((times >= 3) & (times < 6), 3., 0.5)
    values[80:90] = np.nan
    rows = curve(times, values, low=0.25, high=4., smoothed=np.nan)
    rows[80:90] = [row(i, times[i], np.nan, doubt="dark") for i in range(80, 85)] + [
        no_face(i, times[i], 1) for i in range(85, 90)]
    labels = PlacedLabels(np.arange(0, 100, 10), times[::10], np.arange(10) % 6)
    figure = plot.draw({"source": "a_$b$.mp4"}, rows, labels=labels)
    axes, strip = figure.axes
    line, _, truth = axes.get_lines()
    assert line.get_color() == plots.STYLES[0][0] and truth.get_color() == plots.BLUE
    assert line.get_xdata().tolist() == times.tolist()
    assert line.get_ydata() == pytest.approx(values, nan_ok=True)
    assert truth.get_ydata().tolist() == (np.arange(10) % 6).tolist()
    band, shading = axes.collections
    assert band.get_datalim(axes.transData).intervaly.tolist() == [0.25, 4]
    assert [path.get_extents().intervalx.tolist() for path in shading.get_paths()] == [pytest.approx([3, 6])]
    grey, hatched = strip.collections
    assert grey.get_paths()[0].get_extents().intervalx == pytest.approx([8.5, 9]) and not grey.get_hatch()
    assert hatched.get_paths()[0].get_extents().intervalx == pytest.approx([8, 8.5]) and hatched.get_hatch()
    assert axes.get_title() == r"a_\$b\$.mp4" and axes.get_ylim() == (-0.25, 5.25)
    assert [text.get_text() for text in strip.get_legend().get_texts()] == [
        "90 % of labels", "intensity", "at least 1", "ground truth", "no face", "in doubt"]


def test_no_line_and_no_strip_go_across_a_pause():
    times = np.append(np.arange(10) / 10, 60 + np.arange(10) / 10)
    rows = curve(times, [3.] * 20, low=2., high=4.)
    rows[9] = row(9, 0.9, np.nan, doubt="dark")
    axes, strip = plot.draw({}, rows).axes
    x, y = axes.get_lines()[0].get_data()
    assert np.isnan(y[(x > 0.9) & (x < 60)]).any()
    assert [path.get_extents().intervalx.tolist() for path in axes.collections[1].get_paths()] == [
        pytest.approx([0, 0.9]), pytest.approx([60, 61])]
    assert strip.collections[0].get_paths()[0].get_extents().intervalx == pytest.approx([0.9, 1.9])  # at most a second
    band = axes.collections[0].get_paths()
    assert len(band) == 2 and band[0].get_extents().xmax < 1 and band[1].get_extents().xmin == 60


def test_picture_of_several_and_smoothed():
    times = np.arange(50) / 10
    rows = curve(times, np.full(50, 2.), smoothed=1.5, spread=0.5) + curve(times, np.full(50, 3.), person=3)
    axes, strip = plot.draw({}, rows, 2).axes
    assert [text.get_text() for text in strip.get_legend().get_texts()] == [
        "spread of the nets", "person 1", "not smoothed", "person 3", "at least 2"]
    drawn = {(line.get_color(), line.get_ydata()[0]) for line in axes.get_lines() if len(line.get_ydata())}
    first, third = plots.color_of(1), plots.color_of(3)
    assert drawn == {(first, 2), (first, 1.5), (third, 3)}
    bar = axes.collections[-1]  # of person 3 alone, above the curves
    assert colors.to_hex(bar.get_facecolor()[0]) == third and bar.get_paths()[0].get_extents().ymin >= 5.25
    assert [text.get_text() for text in strip.get_yticklabels()] == ["1", "3"] and axes.get_ylim()[1] > 5.25


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_nets_learned_from_stands_below(kind):
    origin = Origin(Data(kind), "mse", 400)
    _, strip = plot.draw({"origin": as_dict(origin)}, curve([0, 1], [1, 2])).axes
    assert short_notice(origin) in [text.get_text() for text in strip.texts]


def test_long_curves_keep_their_extremes(tmp_path):
    values = np.where(np.arange(100000) == 54321, 5., 1.)
    values[70000:80000] = np.nan
    axes, _ = plot.draw({}, curve(np.arange(100000) / 30, values)).axes
    x, y = axes.get_lines()[0].get_data()
    assert len(x) < 5 * thinning.COLUMNS and np.nanmax(y) == 5 and np.nanmin(y) == 1
    assert x[np.nanargmax(y)] == pytest.approx(54321 / 30, abs=100000 / 30 / thinning.COLUMNS)
    assert np.isnan(y).mean() == pytest.approx(0.1, abs=0.01)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rows", [[], [no_face(0, 0., 0)], [row(0, 0., 2.)], curve([0, 1, 2], [np.nan, 2., np.nan]),
                                  [no_face(i, i / 10, 0) for i in range(20)]])
def test_pictures_of_little(rows, tmp_path):
    figure = plot.draw({}, rows)
    figure.savefig(str(tmp_path / "curve.png"), bbox_inches="tight")
    dots = [line for line in figure.axes[0].get_lines() if line.get_marker() == "."]
    alone = [point for line in dots for point in zip(*line.get_data())]
    assert alone == [(one.time_s, 2) for one in rows if one.intensity == 2]  # a dot, where a line shows nothing
