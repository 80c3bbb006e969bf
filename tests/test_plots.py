"""plots.py: colours that people can tell apart, and figures that can be drawn in."""
import signal
import sys
from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from pain.plots import BLUE, STYLES, color_of, new_figure, save_figure


def lightness(color):
    """CIE L* of a colour, 0..100."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    y = np.dot(linear, [0.2126, 0.7152, 0.0722])
    return 116 * np.cbrt(y) - 16 if y > 0.008856 else 903.3 * y


def test_lines_are_told_apart_by_colour_and_the_first_ones_by_dashes_too():
    colors = [BLUE, *(color for color, _ in STYLES)]
    assert len(set(colors)) == len(colors) and len({dashes for _, dashes in STYLES[:4]}) == 4
    assert all(lightness(color) < 80 for color in colors)  # on white paper
    for one, other in combinations(range(len(STYLES)), 2):
        assert np.abs(np.subtract(to_rgb(STYLES[one][0]), to_rgb(STYLES[other][0]))).max() > 0.15


def test_people_go_round_the_colours():
    assert color_of(1) == STYLES[0][0] and color_of(len(STYLES) + 1) == STYLES[0][0]
    assert color_of(2) == STYLES[1][0]


def test_a_figure_has_its_axes_side_by_side_and_can_be_saved(tmp_path):
    figure, axes = new_figure(4, 2, 3)
    assert figure.get_size_inches().tolist() == [4, 2] and len(axes) == 3
    lefts = [one.get_position().x0 for one in axes]
    assert lefts == sorted(lefts) and len({one.get_position().y0 for one in axes}) == 1
    assert not any(one.spines[side].get_visible() for one in axes for side in ("top", "right"))
    for name in "a.png", "a.pdf":
        save_figure(figure, tmp_path / name, dpi=50)
        assert (tmp_path / name).stat().st_size
    assert b"CreationDate" not in (tmp_path / "a.pdf").read_bytes()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits a file's size as Linux does")
@pytest.mark.parametrize("kind", ["png", "pdf"])
def test_on_a_full_disk_it_is_the_disk_that_is_wrong(tmp_path, kind):
    """Of matplotlib's own files another exception came out."""
    import resource
    figure, (axes,) = new_figure(4, 2)
    axes.set_title("Text, for fonts")
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            save_figure(figure, tmp_path / ("a." + kind))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []
