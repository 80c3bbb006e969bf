"""redundant_frames.py: the rules by their definition, and on the authors' labels."""
import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pain.datasets.redundant_frames import RULES, keep_code, keep_paper
from support.project import SHARED, needs_shared

LABELS = st.lists(st.integers(0, 2), max_size=40)


@given(LABELS)
def test_rules_by_their_definition(labels):
    runs = [list(run) for _, run in itertools.groupby(labels)]
    code = [i % 5 == 0 or i >= len(run) // 5 * 5 for run in runs for i in range(len(run))]
    paper = [i == 0 or len(run) <= 5 for run in runs for i in range(len(run))]
    assert keep_code(np.array(labels, int)).tolist() == code
    assert keep_paper(np.array(labels, int)).tolist() == paper


@needs_shared
def test_rules_on_the_authors_labels():
    from scipy.io import loadmat
    truth = loadmat(str(SHARED / "authors" / "6-vanilla-sigmoid.mat"))["ground_truth"].ravel()
    lengths = loadmat(str(SHARED / "authors" / "video_index.mat"))["video_index"].ravel()
    videos = [video for labels, of_subject in zip(truth, lengths)
              for video in np.split(labels.ravel(), np.cumsum(of_subject.ravel().astype(int))[:-1])]
    assert len(videos) == 200
    assert sum(keep_code(video).sum() for video in videos) == 10683
    assert sum(keep_paper(video).sum() for video in videos) == 984


def test_rules_by_name():
    labels = np.zeros(7, int)
    assert {name: rule(labels).sum() for name, rule in RULES.items()} == {"code": 3, "paper": 1, "none": 7}
