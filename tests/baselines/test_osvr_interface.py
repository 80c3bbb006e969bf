"""OSVR as scikit-learn and people use it: parameters, clones, shapes, and one line for what cannot be learned from."""
import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone

from pain.baselines.osvr import OSVR
from pain.errors import Problem
from support.project import ROOT

VIDEOS = [np.random.RandomState(k).normal(size=(n, 3)) for k, n in enumerate((8, 5, 6))]
LABELS = [np.array([0, 0, 1, 2, 4, 3, 1, 0]), np.zeros(5, int), np.array([1, 2, 2, 1, 0, 0])]
DEFAULTS = {"p": 2, "lam": 1, "gamma": (100, 1), "epsilon": (0.1, 1), "rho": 0.1, "smooth": True, "max_iter": 300,
            "converged": False}


def changed(videos, number, place, value):
    """`videos` with one number of one video changed."""
    videos = [np.array(video, float) for video in videos]
    videos[number][place] = value
    return videos


def test_parameters_are_got_set_and_said():
    model = OSVR()
    assert model.get_params() == model.get_params(deep=False) == DEFAULTS
    assert model.set_params(p=1, gamma=(1, 2)) is model and model.p == 1 and model.gamma == (1, 2)
    assert eval(repr(model)).get_params() == model.get_params()
    with pytest.raises(Problem, match="no parameter alpha; there is p, lam"):
        model.set_params(alpha=1)


def test_scikit_learn_clones_it_unfitted():
    model = OSVR(p=1, gamma=(10, 2), max_iter=7).fit(VIDEOS, LABELS)
    copy = clone(model)
    assert copy.get_params() == model.get_params() and not hasattr(copy, "theta_")
    assert np.array_equal(copy.fit(VIDEOS, LABELS).theta_, model.theta_)


def test_the_constructor_checks_and_changes_nothing():
    gamma = [1, 2]
    assert OSVR(gamma=gamma, p="x").gamma is gamma


def test_scikit_learn_is_not_needed():
    code = "import sys; from pain.baselines.osvr import OSVR; assert not {'sklearn', 'scipy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=str(ROOT / "tools"), check=True)


def test_fitting_sets_what_it_should_and_leaves_what_it_was_given():
    videos, labels = [video.copy() for video in VIDEOS], [some.copy() for some in LABELS]
    model = OSVR(max_iter=20)
    assert model.fit(videos, labels) is model and model.get_params() == dict(DEFAULTS, max_iter=20)
    assert all(map(np.array_equal, videos, VIDEOS)) and all(map(np.array_equal, labels, LABELS))
    assert model.theta_.shape == (4,) and model.theta_.dtype == np.float64
    assert model.n_iter_ == 20 and isinstance(model.objective_, float) and model.n_features_in_ == 3


def test_predictions_have_a_number_a_frame_and_are_not_clipped():
    model = OSVR().fit(VIDEOS, LABELS)
    for frames in VIDEOS[0], VIDEOS[0][:1], VIDEOS[0][:0], VIDEOS[0].tolist(), np.asfortranarray(VIDEOS[0]):
        predictions = model.predict(frames)
        assert predictions.shape == (len(frames),) and predictions.dtype == np.float64
    assert model.predict(1000 * np.sign(model.theta_[None, :3]))[0] > 16
    assert model.predict(-1000 * np.sign(model.theta_[None, :3]))[0] < 0


def test_it_fits_again_from_nothing_and_is_pickled():
    model = OSVR().fit(VIDEOS, LABELS)
    theta = model.theta_
    wider = [np.hstack([video, video]) for video in VIDEOS]
    assert model.fit(wider, LABELS).theta_.shape == (7,)
    assert np.array_equal(model.fit(VIDEOS, LABELS).theta_, theta)
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict(VIDEOS[1]), model.predict(VIDEOS[1]))


@pytest.mark.parametrize("converged", [False, True])
def test_how_the_same_is_given_makes_no_difference(converged):
    expected = OSVR(converged=converged).fit(VIDEOS, LABELS).theta_
    numbered = [np.column_stack([np.arange(len(some)), some]) for some in LABELS]
    for videos, labels in ((VIDEOS, numbered), (VIDEOS, [pairs[::-1] for pairs in numbered]),
                           (tuple(VIDEOS), tuple(map(list, LABELS))), ([video.tolist() for video in VIDEOS], LABELS),
                           ([np.asfortranarray(video) for video in VIDEOS], [some.astype(float) for some in LABELS])):
        assert np.array_equal(OSVR(converged=converged).fit(videos, labels).theta_, expected)
    single = OSVR(converged=converged).fit([video.astype(np.float32) for video in VIDEOS], LABELS).theta_
    np.testing.assert_allclose(single, expected, atol=1e-5)
    order = OSVR(converged=converged).fit(VIDEOS[::-1], LABELS[::-1]).theta_
    np.testing.assert_allclose(order, expected, atol=1e-8)


@pytest.mark.parametrize("videos, labels, text", [
    ([], [], "sequences: no videos"),
    (5, [], "sequences: not a list of arrays"),
    (VIDEOS[0], LABELS, "video 0: not an array of numbers, a row a frame"),
    ([VIDEOS[0], VIDEOS[1][:, :2]], LABELS[:2], "video 1: 2 features a frame, but video 0 has 3"),
    ([VIDEOS[0], VIDEOS[1][:0]], LABELS[:2], "video 1: no frames"),
    ([np.zeros((5, 0))], LABELS[1:2], "video 0: not an array of numbers"),
    ([[["a", "b"]]], [[1]], "video 0: not an array of numbers"),
    ([VIDEOS[0] * 1j], LABELS[:1], "video 0: not an array of numbers"),
    ([[[1, 2], [3]]], LABELS[:1], "video 0: not an array of numbers"),
    (changed(VIDEOS, 2, (4, 1), np.nan), LABELS, "video 2: frame 4, feature 1 is nan; leave the frame out"),
    (changed(VIDEOS, 0, (0, 2), -np.inf), LABELS, "video 0: frame 0, feature 2 is -inf"),
    (VIDEOS, 7, "labels: not a list of arrays"),
    (VIDEOS, LABELS[:2], "labels: of 2 videos, but there are 3"),
    (VIDEOS, [LABELS[0], [], LABELS[2]], "video 1: no labelled frame"),
    (VIDEOS, [LABELS[0], np.zeros((0, 2)), LABELS[2]], "video 1: no labelled frame"),
    (VIDEOS, [LABELS[0], LABELS[1][:4], LABELS[2]], "video 1: 4 labels for 5 frames"),
    (VIDEOS, [LABELS[0], np.zeros((5, 3)), LABELS[2]], "video 1: its labels are neither"),
    (VIDEOS, [LABELS[0], list("abcde"), LABELS[2]], "video 1: its labels are neither"),
    (VIDEOS, [LABELS[0], [None] * 5, LABELS[2]], "video 1: its labels are neither"),
    (VIDEOS, [LABELS[0], [[5, 1]], LABELS[2]], "video 1: a label of frame 5; its frames are 0 to 4"),
    (VIDEOS, [LABELS[0], [[-1, 1]], LABELS[2]], "video 1: a label of frame -1"),
    (VIDEOS, [LABELS[0], [[1.5, 1]], LABELS[2]], "video 1: a label of frame 1.5"),
    (VIDEOS, [LABELS[0], [[np.nan, 1]], LABELS[2]], "video 1: a label of frame nan"),
    (VIDEOS, [LABELS[0], [[2, 1], [0, 0], [2, 1]], LABELS[2]], "video 1: frame 2 is labelled twice"),
    (VIDEOS, [LABELS[0], [[2, 17]], LABELS[2]], "video 1: label 17 is not between 0 and 16"),
    (VIDEOS, changed(LABELS, 0, 3, -1), "video 0: label -1 is not"),
    (VIDEOS, changed(LABELS, 0, 3, np.nan), "video 0: label nan is not"),
    (VIDEOS, [0 * some for some in LABELS], "labels: all are 0; OSVR learns from two different ones"),
])
def test_what_cannot_be_learned_from_gets_one_line(videos, labels, text):
    model = OSVR()
    with pytest.raises(Problem) as problem:
        model.fit(videos, labels)
    assert str(problem.value).startswith(text) and "\n" not in str(problem.value)
    assert not hasattr(model, "theta_")


@pytest.mark.parametrize("parameters, text", [
    ({"p": 3}, "p is 3, not 1 or 2"), ({"p": None}, "p is None"), ({"lam": 0}, "lam is 0, not a number above 0"),
    ({"lam": np.inf}, "lam is inf"), ({"gamma": 1}, "gamma is 1, not two numbers, 0 or more"),
    ({"gamma": (1, -1)}, r"gamma is \(1, -1\)"), ({"epsilon": "ab"}, "epsilon is 'ab'"),
    ({"rho": -0.1}, "rho is -0.1"), ({"max_iter": 0}, "max_iter is 0, not a whole number, 1 or more"),
    ({"max_iter": 2.5}, "max_iter is 2.5")])
def test_parameters_that_make_no_sense_get_one_line(parameters, text):
    with pytest.raises(Problem, match="^OSVR: " + text):
        OSVR(**parameters).fit(VIDEOS, LABELS)


def test_what_cannot_be_predicted_gets_one_line():
    with pytest.raises(Problem, match="^OSVR: not fitted yet"):
        OSVR().predict(VIDEOS[0])
    model = OSVR(max_iter=5).fit(VIDEOS, LABELS)
    for frames, text in ((VIDEOS[0][:, :2], "frames: 2 features each, but OSVR was fitted to 3"),
                         (VIDEOS[0][0], "frames: not an array of numbers"),
                         (VIDEOS[0] * np.nan, "frames: frame 0, feature 0 is nan")):
        with pytest.raises(Problem, match="^" + text):
            model.predict(frames)
