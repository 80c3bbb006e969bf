"""pspi.py: PSPI of action units by hand, and the class of every PSPI."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pain.datasets.pspi import CLASSES, MAX_PSPI, pspi, quantise

INTENSITY = st.integers(0, 5)


@pytest.mark.parametrize("aus, expected", [
    ((0, 0, 0, 0, 0, 0), 0), ((5, 5, 5, 5, 5, 1), 16), ((2, 0, 0, 0, 0, 0), 2), ((0, 3, 1, 0, 0, 0), 3),
    ((0, 1, 3, 0, 0, 0), 3), ((0, 0, 0, 4, 2, 0), 4), ((0, 0, 0, 2, 4, 0), 4), ((0, 0, 0, 0, 0, 1), 1),
    ((1, 2, 3, 4, 5, 1), 10)])
def test_pspi_by_hand(aus, expected):
    assert pspi(*aus) == expected


@given(st.tuples(INTENSITY, INTENSITY, INTENSITY, INTENSITY, INTENSITY, st.integers(0, 1)), st.integers(0, 5))
def test_pspi_is_within_0_and_16_and_grows_with_each_action_unit(aus, which):
    assert 0 <= pspi(*aus) <= MAX_PSPI == 16
    more = list(aus)
    more[which] += 1
    assert 0 <= pspi(*more) - pspi(*aus) <= 1


def test_every_pspi_has_its_class():
    classes = [0, 1, 2, 3, 4, 4] + 11 * [5]
    assert [quantise(intensity) for intensity in range(17)] == classes
    assert max(classes) + 1 == CLASSES
    column = quantise(np.arange(17.0).reshape(17, 1))
    assert column.dtype == np.int64 and column.tolist() == [[value] for value in classes]
    assert quantise([]).shape == (0,)


@given(st.floats(0, 16), st.floats(0, 16))
def test_more_pain_is_no_lower_class(one, other):
    assert quantise(min(one, other)) <= quantise(max(one, other))
