"""The formulas of training (BVLC sgd_solver.cpp): learning rates, and what each solver type does with a gradient.

An update works in place on the blobs of one learning rate at a time: `grads`, `histories` (one or two lists of tensors
like `grads`), `rate`, the SolverParameter `p` and the iteration `t` from 0. It leaves in `grads` what is to be
subtracted from the weights, and needs no memory beyond two tensors the size of the largest blob.
"""
from collections import defaultdict

import numpy as np
import torch

# policy -> the factor of base_lr, from the SolverParameter, the iteration and the step reached, in float64.
POLICIES = {
    "fixed": lambda p, t, step: 1.,
    "step": lambda p, t, step: np.float64(p.gamma) ** step,
    "exp": lambda p, t, step: np.float64(p.gamma) ** t,
    "inv": lambda p, t, step: (1 + np.float64(p.gamma) * t) ** -p.power,
    "multistep": lambda p, t, step: np.float64(p.gamma) ** step,
    "poly": lambda p, t, step: (1 - np.float64(t) / p.max_iter) ** p.power,
    "sigmoid": lambda p, t, step: 1 / (1 + np.exp(-np.float64(p.gamma) * (t - p.stepsize))),
}


def learning_rate(p, t, step):
    """The global learning rate of iteration `t`, when `step` steps have been taken."""
    with np.errstate(all="ignore"):
        return float(p.base_lr * POLICIES[p.lr_policy](p, t, step))


def apply(update, learnable, history, rate, p, t):
    """Update all weights by their gradients, which become what was subtracted.

    update: one of the functions below; learnable: (Blob, ParamSpec) pairs; history: the solver's.
    """
    alike = defaultdict(list)  # blobs of the same multipliers are updated together
    for i, (_, spec) in enumerate(learnable):
        alike[spec.lr_mult, spec.decay_mult].append(i)
    for (lr_mult, decay_mult), indices in alike.items():
        weights = [learnable[i][0].tensor for i in indices]
        grads = [learnable[i][0].grad for i in indices]
        histories = [[history[i + first] for i in indices] for first in range(0, len(history), len(learnable))]
        if p.iter_size > 1:
            torch._foreach_mul_(grads, 1 / p.iter_size)
        if p.weight_decay * decay_mult:
            regularize(grads, weights, p.regularization_type, p.weight_decay * decay_mult)
        update(grads, histories, rate * lr_mult, p, t)
        torch._foreach_sub_(weights, grads)


def sgd(grads, histories, rate, p, t):
    history, = histories
    torch._foreach_mul_(history, p.momentum)
    torch._foreach_add_(history, grads, alpha=rate)
    torch._foreach_copy_(grads, history)


def nesterov(grads, histories, rate, p, t):
    """The step (1 + m) h - m h', where h = m h' + rate g: that is, rate g + m h."""
    history, = histories
    torch._foreach_mul_(grads, rate)
    torch._foreach_mul_(history, p.momentum)
    torch._foreach_add_(history, grads)
    torch._foreach_add_(grads, history, alpha=p.momentum)


def adagrad(grads, histories, rate, p, t):
    history, = histories
    torch._foreach_addcmul_(history, grads, grads)
    _divide_by_root(grads, history, p.delta)
    torch._foreach_mul_(grads, rate)


def rmsprop(grads, histories, rate, p, t):
    history, = histories
    _average_squares(history, grads, p.rms_decay)
    _divide_by_root(grads, history, p.delta)
    torch._foreach_mul_(grads, rate)


def adadelta(grads, histories, rate, p, t):
    squares, steps = histories  # running averages of the squared gradients, and of the squared steps
    _average_squares(squares, grads, p.momentum)
    for grad, square, step in zip(grads, squares, steps):
        grad.mul_(step.add(p.delta).div_(square.add(p.delta)).sqrt_())
    _average_squares(steps, grads, p.momentum)
    torch._foreach_mul_(grads, rate)


def adam(grads, histories, rate, p, t):
    means, squares = histories
    torch._foreach_mul_(means, p.momentum)
    torch._foreach_add_(means, grads, alpha=1 - p.momentum)
    _average_squares(squares, grads, p.momentum2)
    with np.errstate(all="ignore"):
        correction = float(np.sqrt(1 - np.float64(p.momentum2) ** (t + 1)) / (1 - np.float64(p.momentum) ** (t + 1)))
    torch._foreach_copy_(grads, squares)
    torch._foreach_sqrt_(grads)
    torch._foreach_add_(grads, p.delta)
    torch._foreach_reciprocal_(grads)
    torch._foreach_mul_(grads, means)
    torch._foreach_mul_(grads, rate * correction)


def _average_squares(averages, grads, decay):
    torch._foreach_mul_(averages, decay)
    torch._foreach_addcmul_(averages, grads, grads, value=1 - decay)


def _divide_by_root(grads, squares, delta):
    for grad, square in zip(grads, squares):
        grad.div_(square.sqrt().add_(delta))


def regularize(grads, weights, kind, decay):
    """Add the gradient of `decay` times the weights' L1 or half squared L2 norm."""
    if kind == "L2":
        torch._foreach_add_(grads, weights, alpha=decay)
    else:
        for grad, weight in zip(grads, weights):
            grad.add_(weight.sign(), alpha=decay)


def clip(grads, limit):
    """Scale the gradients so that their common L2 norm is `limit` at most. Returns the norm they had."""
    norm = float(torch.stack(torch._foreach_norm(grads)).norm()) if grads else 0.
    if norm > limit:
        torch._foreach_mul_(grads, limit / norm)
    return norm
