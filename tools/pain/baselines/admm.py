"""The solver of OSVR's authors: the alternating direction method of multipliers, which mostly ends unconverged.

    minimise 1/2 lam |theta|^2 + sum over the rows of mu max(z, 0)^p,  so that z = A theta + e
"""
import numpy as np

from pain.baselines.ordinal_rows import inner, loss

TOLERANCE = 1e-3  # the authors', absolute and relative


def admm(rows, p, lam, rho, max_iter):
    """The steps of Zhao's code, from zero. Returns theta, (D + 1,), and the iterations done.

    A row's scaled multiplier u = y / rho and its z are both functions of v = A theta + e + u, the one number that is
    kept: u is v above 0, capped at mu / rho (p = 1) or shrunk by 2 mu / (rho + 2 mu) (p = 2), and z = v - u.
    """
    features, blocks = rows.features, rows.blocks
    inverse = np.linalg.inv(lam / rho * np.eye(features.shape[1]) + rows.gram())
    kept = [np.zeros(block.count) for block in blocks]
    limits = [block.mu / rho if p == 1 else 2 * block.mu / (rho + 2 * block.mu) for block in blocks]
    norm_e = np.sqrt(sum(block.count * np.mean(np.square(block.e)) for block in blocks))
    gathered = np.zeros(len(features))
    for block in blocks:
        block.gather(np.broadcast_to(-block.e, block.count), gathered)
    before = sum(loss(block.mu, block.values(np.zeros(len(features))), p) for block in blocks)
    iteration, done = 0, False
    while not done and iteration < max_iter:
        iteration += 1
        theta = inverse.dot(features.T.dot(gathered))
        f = features.dot(theta)
        gathered, squares = np.zeros(len(features)), np.zeros(4)
        objective = 0.5 * lam * theta.dot(theta)
        for block, v, limit in zip(blocks, kept, limits):
            row_loss, row_squares = step(block, v, limit, f, gathered, p)
            objective += row_loss
            squares += row_squares
        residual, change, norm_z, norm_u = np.sqrt(squares)
        norm_a = np.sqrt(sum(block.squares(f) for block in blocks))
        done = (residual < TOLERANCE * (np.sqrt(rows.count) + max(norm_a, norm_z, norm_e))
                and rho * change < TOLERANCE * (np.sqrt(len(theta)) + rho * norm_u)) or (
                    residual < TOLERANCE and abs(objective - before) < TOLERANCE)
        before = objective
    return theta, iteration


def multiplier(v, limit, p):
    """u of v."""
    u = np.maximum(v, 0)
    return np.minimum(u, limit, out=u) if p == 1 else np.multiply(u, limit, out=u)


def step(block, v, limit, f, gathered, p):
    """A block's part of an iteration: v is brought up to date, A'(z - u - e) is added to `gathered`.

    Returns the block's loss, and the squares of |A theta + e - z|, |z - z before|, |z| and |u|.
    """
    u = multiplier(v, limit, p)
    z_before = v - u
    a = block.values(f)
    np.add(a, u, out=v)
    u = multiplier(v, limit, p)
    z = v - u
    z_before -= z
    residual = a - z
    squares = [inner(x, x) for x in (residual, z_before, z, u)]
    z -= u
    z -= block.e
    block.gather(z, gathered)
    return loss(block.mu, a, p), squares
