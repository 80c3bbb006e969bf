"""pain.evaluation.protocols: figures of any set of subjects are those of its frames, by hand and at random."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pain.evaluation.metrics import all_metrics
from pain.evaluation.protocols import PROTOCOLS, scored, units
from pain.evaluation.results import read_result
from support.predictions import LABEL, PREDICTION, TINY, result_of, write

BY_HAND = {
    "subject": dict(mae=(3 / 4 + 0.5) / 2, mse=(3.5 / 4 + 0.25) / 2, wmae=((1.25 + 0 + 0.5) / 3 + 0.5) / 2,
                    wmse=((1.625 + 0 + 0.25) / 3 + 0.25) / 2),
    "video": dict(mae=(0.5 + 1 + 0.5) / 3, mse=(0.5 + 1.25 + 0.25) / 3, wmae=(0.5 + 1 + 0.5) / 3,
                  wmse=(0.5 + 1.25 + 0.25) / 3),
    "pooled": dict(mae=4 / 6, mse=4 / 6, wmae=(3.5 / 4 + 0 + 0.5) / 3, wmse=(3.75 / 4 + 0 + 0.25) / 3),
}
UNITS = {"subject": [slice(0, 4), slice(4, 6)], "video": [slice(0, 2), slice(2, 4), slice(4, 6)],
         "pooled": [slice(0, 6)]}


def mean_over_units(result, protocol):
    """The figures by plain metrics, a list."""
    of_units = np.array([[metric(*unit) for metric in all_metrics(5).values()] for unit in units(result, protocol)])
    return [np.mean(column[~np.isnan(column)]) if not np.isnan(column).all() else np.nan for column in of_units.T]


def close(a, b):
    return np.allclose(a, b, rtol=1e-6, atol=1e-7, equal_nan=True)


@pytest.mark.parametrize("protocol", UNITS)
def test_protocols_by_hand(protocol, tmp_path):
    result = read_result(write(tmp_path / "tiny.csv", TINY))
    score = scored(result, protocol, 5)
    figures = dict(zip(score.names, score.figures(np.ones((1, 2)))[0]))
    assert {metric: figures[metric] for metric in BY_HAND[protocol]} == pytest.approx(BY_HAND[protocol])
    assert figures["pcc"] == pytest.approx(np.mean([
        np.corrcoef(LABEL[u], PREDICTION[u])[0, 1] for u in UNITS[protocol]
        if np.ptp(LABEL[u]) and np.ptp(PREDICTION[u])]))
    over = dict(zip(score.names, score.over()))
    assert over["mae"] == len(UNITS[protocol]) and over["pcc"] == 1


halves = st.integers(-2, 12).map(lambda n: n / 2)
rows = st.tuples(st.integers(0, 5) | halves.filter(lambda n: 0 <= n <= 5), st.floats(-1, 6) | halves)
subjects = st.lists(st.lists(st.lists(rows, min_size=1, max_size=5), min_size=1, max_size=3), min_size=1, max_size=4)
quick = settings(max_examples=40, deadline=None, database=None)


@quick
@given(subjects, st.sampled_from(sorted(PROTOCOLS)), st.data())
def test_a_drawn_set_is_as_good_as_its_frames(data, protocol, chosen):
    """Drawing subjects with replacement gives the metrics of the frames drawn, each draw a subject of its own."""
    drawn = chosen.draw(st.lists(st.integers(0, len(data) - 1), min_size=1, max_size=5))
    weights = np.bincount(drawn, minlength=len(data))[None].astype(float)
    figures, = scored(result_of(*data), protocol, 5).figures(weights)
    assert close(figures, mean_over_units(result_of(*(data[s] for s in drawn)), protocol))


@quick
@given(subjects, st.sampled_from(sorted(PROTOCOLS)), st.data())
def test_a_swap_exchanges_the_predictions_of_a_subject(data, protocol, chosen):
    other = [[[(label, chosen.draw(st.floats(-1, 6))) for label, _ in video] for video in videos] for videos in data]
    swaps = np.array([chosen.draw(st.lists(st.booleans(), min_size=len(data), max_size=len(data)))])
    a, b = scored(result_of(*data), protocol, 5), scored(result_of(*other), protocol, 5)
    swapped = [[pair[s] for pair, s in zip(zip(data, other), sides)] for sides in (swaps[0].astype(int), 1 - swaps[0])]
    c, d = (scored(result_of(*of_side), protocol, 5) for of_side in swapped)
    ones = np.ones((1, len(data)))
    assert close(a.swapped(b, swaps), c.differences(d, ones))
    assert close(a.swapped(b, ~swaps), -c.differences(d, ones))
    assert close(a.swapped(b, np.zeros_like(swaps)), a.differences(b, ones))


def test_differences_are_over_the_units_in_which_both_are_defined():
    one = result_of([[(0, 0), (1, 1), (2, 2)]], [[(0, 0), (1, 1), (2, 1)]], [[(0, 0), (0, 1)]])
    two = result_of([[(0, 0), (1, 0), (2, 0)]], [[(0, 0), (1, 1), (2, 2)]], [[(0, 0), (0, 0)]])
    a, b = (scored(result, "subject", 5, ["pcc", "mae"]) for result in (one, two))
    assert a.differences(b, np.ones((1, 3)))[0] == pytest.approx([np.sqrt(0.75) - 1, (-1 + 1 / 3 + 1 / 2) / 3])
    assert np.isnan(a.differences(b, np.array([[1., 0, 1]]))[0, 0])


def test_pooled_figures_know_a_constant_side_for_certain():
    constant = [[(i % 3, 0.1) for i in range(7)]]
    score = scored(result_of(constant, constant, [[(0, 0.2), (1, 0.1)]]), "pooled", 5, ["pcc", "icc31"])
    figures = score.figures(np.array([[1., 2, 0], [1, 1, 1]]))
    assert np.isnan(figures[0, 0]) and figures[0, 1] == 0 and figures[1, 0] < 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_spread_too_small_to_be_squared_is_none(protocol):
    data = [[[(0, 0.0), (1, 6e-192)]]]
    figures, = scored(result_of(*data), protocol, 5).figures(np.ones((1, 1)))
    assert close(figures, mean_over_units(result_of(*data), protocol))
