"""OSVR as plainly as it can be written: every row is made, and every step is a line of the formulas."""
import numpy as np


def explicit_rows(sequences, labels, gamma, epsilon, smooth):
    """A (N, D + 1), e (N,) and mu (N,), a row a line of the problem. labels: (K, 2), frame from 0 and label, in order.
    """
    rows = []
    for frames, pairs in zip(sequences, labels):
        for frame, label in pairs:
            features = np.append(frames[int(frame)], 1)
            rows += [(features, -epsilon[0] - label, gamma[0]), (-features, -epsilon[0] + label, gamma[0])]
        highest = [int(frame) for frame, label in pairs if label == max(pairs[:, 1])]
        apex = highest[int(np.ceil(len(highest) / 2)) - 1]
        for i in range(len(frames)):
            for j in range(len(frames)):
                if j < i <= apex or apex <= i < j:
                    difference = np.append(frames[i] - frames[j], 0)
                    rows.append((-difference, epsilon[1], gamma[1] / (abs(i - j) if smooth else 1)))
    return tuple(map(np.array, zip(*rows)))


def explicit_objective(rows, theta, p, lam):
    """1/2 lam |theta|^2 + sum of mu max(A theta + e, 0)^p."""
    a, e, mu = rows
    return lam / 2 * theta @ theta + np.sum(mu * np.maximum(a @ theta + e, 0) ** p)


def explicit_admm(rows, p, lam, rho, max_iter):
    """Theta, the iterations, and which test ended it: "residuals", "objective" or None."""
    (a, e, mu), norm = rows, np.linalg.norm
    count, size = a.shape
    z, y = np.zeros(count), np.zeros(count)
    objective = explicit_objective(rows, np.zeros(size), p, lam)
    for iteration in range(1, max_iter + 1):
        theta = np.linalg.solve(lam / rho * np.eye(size) + a.T @ a, a.T @ (z - y / rho - e))
        z_before, v = z, a @ theta + e + y / rho
        z = np.where(v < 0, v, np.maximum(v - mu / rho, 0) if p == 1 else rho * v / (rho + 2 * mu))
        y = y + rho * (a @ theta + e - z)
        before, objective = objective, explicit_objective(rows, theta, p, lam)
        r, s = norm(a @ theta + e - z), rho * norm(z - z_before)
        if (r < np.sqrt(count) * 1e-3 + 1e-3 * max(norm(a @ theta), norm(z), norm(e))
                and s < np.sqrt(size) * 1e-3 + 1e-3 * norm(y)):
            return theta, iteration, "residuals"
        if r < 1e-3 and abs(objective - before) < 1e-3:
            return theta, iteration, "objective"
    return theta, max_iter, None
