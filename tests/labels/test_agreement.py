"""How far raters agree, beside pingouin and krippendorff, and by hand."""
import krippendorff
import numpy as np
import pandas
import pingouin
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pain.labels.agreement import agreement

# Shrout and Fleiss, Psychological Bulletin 86, 1979, table 2: four judges of six targets.
SHROUT = np.array([[9, 6, 8, 7, 10, 6], [2, 1, 4, 1, 5, 2], [5, 3, 6, 2, 6, 4], [8, 2, 8, 6, 9, 7]])


def by_pingouin(ratings):
    """ICC(2,1) and ICC(3,k) of (k, N) ratings."""
    k, n = np.shape(ratings)
    table = pandas.DataFrame(dict(frame=np.tile(np.arange(n), k), rater=np.repeat(np.arange(k), n),
                                  label=np.ravel(ratings)))
    return pingouin.intraclass_corr(table, "frame", "rater", "label")["ICC"].iloc[[1, 5]].tolist()


def test_the_example_in_print():
    made = agreement(SHROUT)
    assert made.frames == 6 and (round(made.icc21, 2), round(made.icc3k, 2)) == (0.29, 0.91)


@given(st.integers(2, 4), st.integers(5, 30), st.integers(0, 2 ** 32 - 1), st.booleans())
@settings(max_examples=12, deadline=None)
def test_as_pingouin_and_krippendorff_have_it(k, n, seed, whole):
    random = np.random.RandomState(seed)
    ratings = np.clip(random.normal(2, 1.5, n) + random.normal(0, 0.6, (k, n)) + random.normal(0, 0.3, (k, 1)), 0, 5)
    ratings = ratings.round() if whole else ratings.round(1)
    ratings[:, :2] = [[0, 5]]
    made = agreement(ratings)
    assert [made.icc21, made.icc3k] == pytest.approx(by_pingouin(ratings), abs=1e-9)
    assert made.alpha == pytest.approx(krippendorff.alpha(ratings, level_of_measurement="interval"), abs=1e-9)
    with_gaps = np.where(random.uniform(size=ratings.shape) < 0.3, np.nan, ratings)
    with_gaps[:, :3] = ratings[:, :3]
    made, of_all = agreement(with_gaps), with_gaps[:, ~np.isnan(with_gaps).any(axis=0)]
    assert made.frames == of_all.shape[1]
    assert made.alpha == pytest.approx(krippendorff.alpha(with_gaps, level_of_measurement="interval"), abs=1e-9)
    assert (made.icc21, made.icc3k) == pytest.approx(agreement(of_all)[1:3], nan_ok=True)


def test_what_is_undefined():
    for ratings in ([[1, 1], [1, 1]], [[1], [2]], [[], []], [[np.nan, 1], [1, np.nan]], [[0, 1, 2]]):
        made = agreement(ratings)
        assert np.isnan([made.icc21, made.icc3k]).all(), ratings
    assert np.isnan(agreement([[1, 1], [1, 1]]).alpha) and agreement([[1], [2]]).alpha == 0
    same = agreement([[0, 1, 5], [0, 1, 5]])
    assert same[1:] == (1, 1, 1)
