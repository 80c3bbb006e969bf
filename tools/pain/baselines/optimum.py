"""Solvers that go on to the optimum of OSVR's problem, and prove it by the dual.

    primal  minimise 1/2 lam |theta|^2 + sum over the rows of mu max(z, 0)^p,  z = A theta + e
    dual    maximise e.u - 1/2 |A'u|^2 / lam - (nothing if p = 1, and u <= mu; sum of u^2 / (4 mu) if p = 2),  u >= 0

Both end when the objective is at most GAP, relatively, above the dual's, and so above the least there is.
"""
import numpy as np

from pain.baselines.ordinal_rows import Rows, inner, loss
from pain.errors import Problem

GAP = 1e-7
MOST_STEPS = 300  # some tens are usual
SHRINK = 0.9  # by what part a step of the interior point method wants to close the gap, if the last one was whole
SHORT_OF_EDGE = 0.99  # how much of the way to the edge of what is allowed it goes


def optimum(rows, p, lam):
    """Theta, (D + 1,), and the steps taken. Raises Problem if it is not reached."""
    weighted = Rows(rows.features, [block for block in rows.blocks if block.mu.any()])
    return (interior_point if p == 1 else newton)(weighted, lam)


def relative_gap(primal, dual):
    """How far the objective may be above the least, relatively."""
    return (primal - dual) / max(abs(primal), np.finfo(float).tiny)


def refuse(gap):
    """Raise the Problem of a solver that does not get there."""
    raise Problem("OSVR: after %d steps the optimum is %.1g away, relatively; is a feature on a much larger scale than "
                  "the others? scale them to 0..1" % (MOST_STEPS, gap))


def newton(rows, lam):
    """For p = 2, whose objective is quadratic between kinks: Newton's method, steps halved until they go down."""
    theta = np.zeros(rows.features.shape[1])
    for steps in range(MOST_STEPS):
        primal, dual, gradient, hessian = squared_loss_at(rows, theta, lam)
        if relative_gap(primal, dual) <= GAP:
            return theta, steps
        direction, size = -np.linalg.solve(hessian, gradient), 1.0
        enough = 1e-4 * gradient.dot(direction)
        while size > 1e-10 and rows.objective(theta + size * direction, lam, 2) > primal + size * enough:
            size /= 2
        theta = theta + size * direction
    refuse(relative_gap(primal, dual))


def squared_loss_at(rows, theta, lam):
    """For p = 2 at theta: the objective, the dual's at the multipliers 2 mu max(z, 0), the gradient, the Hessian."""
    f, gathered = rows.features.dot(theta), np.zeros(len(rows.features))
    primal, dual, hessian = 0.5 * lam * theta.dot(theta), 0.0, lam * np.eye(len(theta))
    for block in rows.blocks:
        z = block.values(f)
        u = 2 * block.mu * np.maximum(z, 0)
        primal += loss(block.mu, z, 2)
        dual += np.sum(u * block.e) - loss(block.mu, z, 2)
        block.gather(u, gathered)
        if u.any():
            hessian += block.weighted_gram(rows.features, 2 * block.mu * (z > 0))
    pull = rows.features.T.dot(gathered)
    return primal, dual - pull.dot(pull) / (2 * lam), lam * theta + pull, hessian


class Slack:
    """A block's rows in the interior point method, all (N,) float64 above 0.

    x: the loss, which is at least z and 0; s = x - z; u, t = mu - u: the multipliers of s >= 0 and x >= 0
    """

    def __init__(self, block):
        z = np.broadcast_to(block.e, block.count)  # at theta = 0
        self.block = block
        self.x = np.maximum(z, 0) + 1
        self.s = self.x - z
        self.u, self.t = block.mu / 2, block.mu / 2

    def response(self, target):
        """The step of u is weights times the change of A theta, plus another number; returns both."""
        weights = 1 / (self.s / self.u + self.x / self.t)
        return weights, weights * (self.x - self.s + target / self.u - target / self.t)

    def direct(self, change, target):
        """Set the step of all four, of which A theta changes by `change`. Returns how far it may be gone, at most 1."""
        weights, constant = self.response(target)
        self.du = constant + weights * change
        self.dx = (target - self.x * self.t + self.x * self.du) / self.t
        self.ds = self.dx - change
        shrinking = max(np.max(-step / value) for step, value in (
            (self.du, self.u), (-self.du, self.t), (self.dx, self.x), (self.ds, self.s)))
        return SHORT_OF_EDGE / max(shrinking, SHORT_OF_EDGE)

    def go(self, size):
        """Take `size` of the step."""
        self.u += size * self.du
        self.t -= size * self.du
        self.x += size * self.dx
        self.s += size * self.ds


def interior_point(rows, lam):
    """For p = 1: a primal-dual interior point method; every step is Newton's for s u = x t = a target that falls."""
    features = rows.features
    theta, size, slacks = np.zeros(features.shape[1]), 1, [Slack(block) for block in rows.blocks]
    for steps in range(MOST_STEPS):
        primal, dual, between = hinge_loss_at(rows, slacks, theta, lam)
        if relative_gap(primal, dual) <= GAP:
            return theta, steps
        target = (1 - SHRINK * size) * between  # after a short step away from the edge first
        gathered, hessian = np.zeros(len(features)), lam * np.eye(len(theta))
        for slack in slacks:
            weights, constant = slack.response(target)
            slack.block.gather(slack.u + constant, gathered)
            hessian += slack.block.weighted_gram(features, weights)
        direction = -np.linalg.solve(hessian, lam * theta + features.T.dot(gathered))
        change = features.dot(direction)
        size = min(slack.direct(slack.block.values(change) - slack.block.e, target) for slack in slacks)
        for slack in slacks:
            slack.go(size)
        theta = theta + size * direction
    refuse(relative_gap(primal, dual))


def hinge_loss_at(rows, slacks, theta, lam):
    """For p = 1: the objective at theta, the dual's at the multipliers, and the mean of s u and x t."""
    f, gathered = rows.features.dot(theta), np.zeros(len(rows.features))
    primal, dual, between = 0.5 * lam * theta.dot(theta), 0.0, 0.0
    for slack in slacks:
        primal += loss(slack.block.mu, slack.block.values(f), 1)
        dual += np.sum(slack.u * slack.block.e)
        between += inner(slack.s, slack.u) + inner(slack.x, slack.t)
        slack.block.gather(slack.u, gathered)
    pull = rows.features.T.dot(gathered)
    return primal, dual - pull.dot(pull) / (2 * lam), between / max(1, 2 * rows.count)
