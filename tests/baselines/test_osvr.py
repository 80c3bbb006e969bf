"""OSVR against its authors' code, against the same method with every row made, and against SciPy's optimum."""
import tracemalloc

import numpy as np
import pytest
from scipy.io import loadmat
from scipy.optimize import minimize

from pain.baselines.osvr import OSVR
from support.explicit_osvr import explicit_admm, explicit_objective, explicit_rows
from support.project import SHARED

ORACLE = SHARED / "osvr" / "osvr_oracle.mat"


def made_up(lengths=(1, 2, 9, 14, 23), features=5):
    """Videos whose first feature goes with pain, and the labels of all their frames: (K, 2), 0..5."""
    random = np.random.RandomState(1)
    sequences, labels = [], []
    for n in lengths:
        pain = 5 * np.exp(-0.5 * np.square((np.arange(n) - random.uniform(0, n)) / 3)) * (n != 14)
        frames = random.normal(size=(n, features))
        frames[:, 0] += pain / 2
        sequences.append(frames)
        labels.append(np.column_stack([np.arange(n), np.floor(pain + 0.5)]))
    return sequences, labels


def weak(labels):
    """Of each video's labels only the first, the highest and the last."""
    return [pairs[sorted({0, int(np.argmax(pairs[:, 1])), len(pairs) - 1})] for pairs in labels]


@pytest.mark.skipif(not ORACLE.exists(), reason="the authors' results are not here (../shared/data)")
@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("max_iter", [20, 300])
def test_it_is_the_authors_code(p, smooth, max_iter):
    mat = loadmat(str(ORACLE))
    theirs = mat["res"]["p%d_smooth%d_iter%d" % (p, smooth, max_iter)][0, 0][0, 0]
    ours = OSVR(p=p, smooth=smooth, max_iter=max_iter).fit(
        [frames.T for frames in mat["features"].ravel()], [pairs - [1, 0] for pairs in mat["labels"].ravel()])
    np.testing.assert_allclose(ours.theta_, theirs["theta"].ravel(), rtol=0, atol=1e-8)
    np.testing.assert_allclose(ours.predict(mat["test_features"].T), theirs["predictions"].ravel(), rtol=0, atol=1e-8)
    assert ours.n_iter_ == theirs["iterations"].item()
    assert ours.objective_ == pytest.approx(theirs["objective"].item(), rel=1e-10)


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("supervision", [list, weak])
@pytest.mark.parametrize("gamma, rho", [((100, 1), 0.1), ((1, 0.1), 1), ((0.001, 0.001), 10), ((0, 1), 0.1),
                                        ((1, 0), 0.1)])
def test_it_is_the_method_with_every_row_made(p, smooth, supervision, gamma, rho):
    sequences, labels = made_up()
    labels, epsilon, lam = supervision(labels), (0.2, 0.7), 1.5
    rows = explicit_rows(sequences, labels, gamma, epsilon, smooth)
    theta, iterations, _ = explicit_admm(rows, p, lam, rho, 300)
    model = OSVR(p, lam, gamma, epsilon, rho, smooth).fit(sequences, labels)
    assert model.n_iter_ == iterations
    np.testing.assert_allclose(model.theta_, theta, rtol=0, atol=1e-9)
    assert model.objective_ == pytest.approx(explicit_objective(rows, theta, p, lam), rel=1e-10)
    np.testing.assert_allclose(model.predict(sequences[-1]), sequences[-1] @ theta[:-1] + theta[-1], atol=1e-8)


@pytest.mark.parametrize("gamma, rho, ends", [((100, 1), 0.1, None), ((1, 0.1), 1, "residuals"),
                                              ((0.001, 0.001), 10, "objective")])
def test_it_stops_by_either_of_the_authors_tests(gamma, rho, ends):
    sequences, labels = made_up()
    _, iterations, why = explicit_admm(explicit_rows(sequences, labels, gamma, (0.1, 1), True), 2, 1, rho, 300)
    model = OSVR(gamma=gamma, rho=rho).fit(sequences, labels)
    assert why == ends and model.n_iter_ == iterations and (iterations < 300) == (ends is not None)


def least(rows, p, lam):
    """The objective's minimum by SciPy: of the objective itself if p = 2, and of its dual if p = 1."""
    a, e, mu = rows
    options = {"maxiter": 50000, "maxfun": 500000, "ftol": 1e-16, "gtol": 1e-9}
    if p == 2:
        def value_and_slope(theta):
            pull = 2 * mu * np.maximum(a @ theta + e, 0)
            return explicit_objective(rows, theta, 2, lam), lam * theta + a.T @ pull
        return minimize(value_and_slope, np.zeros(a.shape[1]), jac=True, method="L-BFGS-B", options=options).fun
    gram = a @ a.T / lam
    return -minimize(lambda u: (u @ gram @ u / 2 - e @ u, gram @ u - e), mu / 2, jac=True, method="L-BFGS-B",
                     bounds=[(0, most) for most in mu], options=options).fun


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("gamma, supervision", [((100, 1), list), ((100, 1), weak), ((0.1, 1), list), ((1, 0), list),
                                                ((0, 0), list)])
def test_converged_is_the_optimum_that_scipy_finds(p, smooth, gamma, supervision):
    sequences, labels = made_up((2, 9, 14, 17))
    labels = supervision(labels)
    rows = explicit_rows(sequences, labels, gamma, (0.1, 1), smooth)
    model = OSVR(p, gamma=gamma, smooth=smooth, converged=True).fit(sequences, labels)
    assert model.objective_ == pytest.approx(explicit_objective(rows, model.theta_, p, 1), rel=1e-12)
    assert model.objective_ == pytest.approx(least(rows, p, 1), rel=1e-6, abs=1e-12)


def test_the_defaults_mostly_end_unconverged():
    sequences, labels = made_up()
    as_published, optimal = OSVR().fit(sequences, labels), OSVR(converged=True).fit(sequences, labels)
    assert as_published.n_iter_ == 300 and as_published.objective_ > (1 + 5e-6) * optimal.objective_


def test_the_apex_is_the_middle_one_of_the_highest_labels():
    frames = np.arange(6.0)[:, None]  # falls after the apex only if the apex is early
    for highest, apex in (([0], 0), ([1, 4], 1), ([1, 2, 4], 2), ([5], 5)):
        labels = np.isin(np.arange(6), highest) * 3.0
        rows = explicit_rows([frames], [np.column_stack([np.arange(6), labels])], (1, 1), (0, 1), False)
        assert len(rows[0]) == 12 + apex * (apex + 1) // 2 + (5 - apex) * (6 - apex) // 2
        model = OSVR(gamma=(1, 1), epsilon=(0, 1), smooth=False).fit([frames], [labels])
        np.testing.assert_allclose(model.theta_, explicit_admm(rows, 2, 1, 0.1, 300)[0], atol=1e-9)


@pytest.mark.parametrize("converged", [False, True])
@pytest.mark.parametrize("p", [1, 2])
def test_the_rows_of_pairs_are_never_made(p, converged):
    random = np.random.RandomState(0)
    frames, labels = random.normal(size=(400, 100)), np.arange(400) // 80
    pairs = 399 * 400 // 2  # the apex is frame 359: nearly all are pairs
    tracemalloc.start()
    try:
        OSVR(p, max_iter=3, converged=converged).fit([frames], [labels])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 25 * 8 * pairs < 101 * 8 * pairs / 4


@pytest.mark.parametrize("p", [1, 2])
def test_videos_of_one_frame_have_labels_and_no_pairs(p):
    sequences, labels = [np.ones((1, 2)), np.zeros((1, 2))], [np.array([[0, 0]]), np.array([[0, 3]])]
    rows = explicit_rows(sequences, labels, (100, 1), (0.1, 1), True)
    theta = OSVR(p).fit(sequences, labels).theta_
    np.testing.assert_allclose(theta, explicit_admm(rows, p, 1, 0.1, 300)[0], atol=1e-9)
    assert OSVR(p, converged=True).fit(sequences, labels).objective_ == pytest.approx(least(rows, p, 1), rel=1e-6)
