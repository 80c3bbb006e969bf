"""split.py: nobody in two folds, nobody forgotten, no fold empty, and nothing left to gain; in exact fractions."""
import itertools
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pain.datasets.split import split

SUBJECT = st.integers(1, 700).flatmap(lambda frames: st.tuples(st.just(frames), st.integers(0, frames)))


@st.composite
def studies(draw):
    """Frames and frames of pain of some subjects, and a number of folds."""
    subjects = draw(st.lists(SUBJECT, min_size=2, max_size=12))
    return (*map(np.array, zip(*subjects)), draw(st.integers(2, len(subjects))))


def unevenness(frames, pain, groups):
    """The sum of squares of the folds' shares of frames and of pain, exactly."""
    return sum(Fraction(int(values[list(group)].sum()), max(1, int(values.sum()))) ** 2
               for values in (frames, pain) for group in groups)


def neighbours(groups):
    """All that one move, or one change of places, makes of the groups."""
    for a, b in itertools.permutations(range(len(groups)), 2):
        for i in groups[a]:
            for j in [None, *groups[b]]:
                changed = [set(group) for group in groups]
                changed[a].remove(i)
                changed[b].add(i)
                if j is not None:
                    changed[b].remove(j)
                    changed[a].add(j)
                yield changed


@given(studies())
@settings(max_examples=40, deadline=None)
def test_a_split(study):
    frames, pain, folds = study
    groups = [group.tolist() for group in split(frames, pain, folds)]
    assert len(groups) == folds and all(groups) and all(group == sorted(group) for group in groups)
    assert sorted(itertools.chain(*groups)) == list(range(len(frames)))
    assert [group[0] for group in groups] == sorted(group[0] for group in groups)
    assert groups == [group.tolist() for group in split(frames.copy(), pain.copy(), folds)]
    best = unevenness(frames, pain, groups)
    assert all(unevenness(frames, pain, changed) >= best - Fraction(1, 10 ** 14) for changed in neighbours(groups))
    if folds == len(frames):
        assert groups == [[i] for i in range(folds)]


def test_pain_is_shared_out_where_frames_alone_would_not():
    frames, pain = np.full(10, 100), np.array([90, 80, 70, 60, 50, 10, 20, 30, 40, 50])
    assert [pain[group].sum() for group in split(frames, pain, 5)] == [100] * 5
    one = split(np.array([1000, 100, 100, 100, 100, 100]), np.zeros(6, int), 2)
    assert [group.tolist() for group in one] == [[0], [1, 2, 3, 4, 5]]
