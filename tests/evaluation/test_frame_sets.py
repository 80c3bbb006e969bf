"""frame_sets.py: OSVR's reduction by hand and on the authors' labels, and what is scored and quoted with it."""
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, strategies

from pain.errors import Problem
from pain.evaluation.evaluate import evaluate
from pain.evaluation.frame_sets import FRAME_SETS, keep_osvr, with_frames
from pain.evaluation.printing import not_quoted
from pain.evaluation.published import PUBLISHED
from pain.evaluation.results import read_result, result_of
from pain.variants import OSVRS, PAPERS, RCRS, VARIANTS, printed
from support.predictions import AUTHORS, write_mat
from support.project import needs_shared


@pytest.mark.parametrize("labels, kept", [
    ("0000000", "x....x."),  # without pain: every fifth
    ("0", "x"),
    ("00011100", "x..xxx.x"),  # zeros before and after: the outermost; four or fewer of a kind: all
    ("10001", "xx.xx"), ("101", "xxx"),  # zeros between: two, or the one that there is
    ("22222233333", "x....xx...."),  # 6 and 5 alike: ceil(n / 5)
    ("022220", "xxxxxx"), ("0222220", "xx....x"),
])
def test_the_rule_by_hand(labels, kept):
    assert "".join(".x"[int(keep)] for keep in keep_osvr(np.array(list(labels), int))) == kept


@given(strategies.lists(strategies.integers(0, 5), min_size=1, max_size=60))
def test_it_keeps_as_many_frames_of_a_stretch_as_the_rule_says(labels):
    keep, start = keep_osvr(np.array(labels)), 0
    for label, run in groupby(labels):
        n = len(list(run))
        inside = start > 0 and start + n < len(labels)
        if label == 0 and any(labels):
            expected = min(n, 2) if inside else 1
        else:
            expected = n if label and n < 5 else -(-n // 5)
        assert keep[start:start + n].sum() == expected
        start += n


@needs_shared
def test_on_the_authors_labels():
    """Subject 042-ll042, the first, has 304 frames left; all zeros has 0.773 and 2.361 over those who show pain."""
    authors = read_result(AUTHORS)
    first = with_frames(authors, "osvr", 5)
    assert sum(len(video.label) for video in first.videos if video.subject == "1") == 304
    scores = evaluate(authors, frames="osvr", subjects="pain", draws=1)
    plain, zeros, _ = scores.rows
    assert ["%.3f" % zeros[metric] for metric in ("mae", "mse")] == ["0.773", "2.361"]
    assert ["%.3f" % plain[metric] for metric in ("mae", "pcc", "wmae")] == ["0.656", "0.559", "1.682"]
    assert "24 subjects" in scores.protocol and "OSVR's frames" in scores.protocol


def test_frames_are_thinned_in_the_order_of_their_numbers_and_by_quantised_labels():
    labels, frames = np.array([0, 6, 7, 8, 9, 10, 0]), np.arange(1, 8)
    shuffled = np.random.RandomState(0).permutation(7)
    result = result_of(labels[shuffled], labels[shuffled], "s", "v", frames[shuffled], top=16)
    assert with_frames(result, "osvr", 16).videos[0].label.tolist() == [0, 6, 0]
    assert with_frames(result, "all", 16) is result


def test_unknown_videos_and_unknown_sets_are_refused(tmp_path):
    path = write_mat(tmp_path / "x.mat", [np.arange(6)], [np.arange(6) + 0.3])
    with pytest.raises(Problem, match="--frames osvr: .*video_index.mat.*unknown"):
        evaluate(read_result(path), frames="osvr")
    with pytest.raises(Problem, match="frames of all, osvr, code"):
        evaluate(read_result(path), frames="some")


def test_figures_are_quoted_only_beside_others_of_their_kind():
    assert set(FRAME_SETS) >= {variant.scoring.frames for variant in VARIANTS}
    assert printed("OSVR-l2") == {} and printed("OSVR-l2", OSVRS)["mae"] == .810 and printed("RCR", RCRS)["mse"] == 1.54
    result = result_of([0, 1, 0, 3], [0, 1, 1, 2], ["a", "a", "b", "b"], "v", [1, 2, 1, 2])
    usual, osvrs = str(evaluate(result, draws=1)), str(evaluate(result, frames="osvr", subjects="pain", draws=1))
    quoted = [{line.split("  ")[0] for line in text.splitlines() if " quoted " in line} for text in (usual, osvrs)]
    assert quoted == [{variant.title for variant in VARIANTS if variant.scoring == PAPERS and variant.printed},
                      {"OSVR-l1", "OSVR-l2"}]
    assert not_quoted(PAPERS, ["mse"]) == "RCR (PSPI 0..16)"
    assert not_quoted(PAPERS, ["wmae"]) == "OSVR-l1, OSVR-l2 (OSVR's frames, only subjects with pain)"


def test_published_results_agree_with_the_papers_rows():
    by_work = {published.work: published for published in PUBLISHED}
    for name, title, scoring in (("Zhao 2016, OSVR-l1", "OSVR-l1", OSVRS), ("Zhao 2016, OSVR-l2", "OSVR-l2", OSVRS),
                                 ("Zhou 2016, RCR", "RCR", RCRS)):
        figures = printed(title, scoring)
        assert by_work[name].figures == {metric: figures[metric] for metric in by_work[name].figures}
        assert by_work[name].comparable is False
