"""The rows of OSVR's problem: z = A theta + e of every labelled frame and of every ordered pair of frames.

    labelled frame of features s, label y     z =  (f - y) - epsilon1    mu = gamma1           f = w.s + b
                                              z = -(f - y) - epsilon1
    frames i, j of a video, i nearer the apex   z = epsilon2 - (f_i - f_j)    mu = gamma2, over |i - j| if smooth

A is never made. A row's part of A theta is a difference of scores; A'q is F'g, where g gathers q a frame, for F the
frames' features and a column of ones; A'A of n frames that are all paired is F'LF, L = nI - 11' being the Laplacian
of the complete graph. So a video of T frames costs at most T(T - 1) / 2 numbers a vector, not as many rows of D.
"""
import numpy as np


class Pairs:
    """What all ramps share: their pairs in the order (1, 0), (2, 0), (2, 1), (3, 0) ... of which each takes the first.

    longest: frames of the longest ramp. later, earlier: (P,) int32; weights: (P,) float64, the mu.
    """

    def __init__(self, longest, gamma, smooth):
        later, earlier = np.tril_indices(longest, -1)
        self.weights = gamma / (later - earlier) if smooth else np.full(len(later), float(gamma))
        self.later, self.earlier = later.astype(np.int32), earlier.astype(np.int32)
        self.starts = np.arange(1, longest) * np.arange(longest - 1) // 2  # where the pairs of a later frame begin


class Ramp:
    """Frames of a video in the order in which they come nearer to its apex, the apex last: a row a pair of them.

    frames: a slice of all frames; n: how many they are; margin: epsilon2.
    """

    def __init__(self, frames, n, margin, pairs):
        count = n * (n - 1) // 2
        self.frames, self.n, self.count = frames, n, count
        self.later, self.earlier, self.starts = pairs.later[:count], pairs.earlier[:count], pairs.starts[:n - 1]
        self.mu, self.e = pairs.weights[:count], float(margin)

    def values(self, f):
        """The rows' A theta + e, of the scores f of all frames."""
        scores = f[self.frames]
        z = scores.take(self.earlier)
        z -= scores.take(self.later)
        z += self.e
        return z

    def gather(self, q, g):
        """Add A'q to g, a number a frame of all."""
        sums = np.bincount(self.earlier, q, self.n)
        sums[1:] -= np.add.reduceat(q, self.starts)
        g[self.frames] += sums

    def squares(self, f):
        """|A theta|^2."""
        scores = f[self.frames]
        return self.n * np.square(scores - scores.mean()).sum()

    def gram(self, features):
        """A'A of these rows. features: those of all frames, (T, D + 1)."""
        own = features[self.frames]
        own = own - own.mean(axis=0)
        return self.n * own.T.dot(own)

    def weighted_gram(self, features, weights):
        """A' diag(weights) A of these rows."""
        laplacian = np.zeros((self.n, self.n))
        laplacian[self.later, self.earlier] = -weights
        laplacian += laplacian.T
        laplacian[np.diag_indices(self.n)] = -laplacian.sum(axis=0)
        own = features[self.frames]
        return own.T.dot(laplacian.dot(own))


class Labelled:
    """A side of the tube around the labels: sign 1 is where a frame is scored too high, -1 too low; a row a frame.

    frames: (K,) int, of all frames, none twice; labels: (K,) float64.
    """

    def __init__(self, frames, labels, sign, gamma, margin):
        self.frames, self.sign, self.count = frames, sign, len(frames)
        self.mu, self.e = np.full(len(frames), float(gamma)), -margin - sign * labels

    def values(self, f):
        """As Ramp.values()."""
        return self.sign * f[self.frames] + self.e

    def gather(self, q, g):
        """As Ramp.gather()."""
        g[self.frames] += self.sign * q

    def squares(self, f):
        """As Ramp.squares()."""
        return np.square(f[self.frames]).sum()

    def gram(self, features):
        """As Ramp.gram()."""
        own = features[self.frames]
        return own.T.dot(own)

    def weighted_gram(self, features, weights):
        """As Ramp.weighted_gram()."""
        own = features[self.frames]
        return own.T.dot(weights[:, None] * own)


class Rows:
    """All rows, in blocks. features: (T, D + 1) float64, of all videos' frames, the last column ones."""

    def __init__(self, features, blocks):
        self.features, self.blocks = features, blocks
        self.count = sum(block.count for block in blocks)

    def gram(self):
        """A'A, (D + 1, D + 1)."""
        return sum(block.gram(self.features) for block in self.blocks)

    def objective(self, theta, lam, p):
        """1/2 lam |theta|^2 + sum of mu max(z, 0)^p."""
        f = self.features.dot(theta)
        return 0.5 * lam * theta.dot(theta) + sum(loss(block.mu, block.values(f), p) for block in self.blocks)


def loss(mu, z, p):
    """The sum of mu max(z, 0)^p."""
    above = np.maximum(z, 0)
    return inner(mu if p == 1 else mu * above, above)


def inner(x, y):
    """The inner product of two vectors, without BLAS: it would start threads for each of them, and wait for these."""
    return np.einsum("i,i", x, y)


def make_rows(sequences, frames, labels, gamma, epsilon, smooth):
    """The Rows of videos.

    sequences: a list of (T, D) float64; frames, labels: of each video those labelled, (K,) int in order and float64.
    gamma, epsilon: two numbers each, of the labelled frames and of the pairs.
    """
    ends = np.cumsum([len(sequence) for sequence in sequences])
    starts = ends - [len(sequence) for sequence in sequences]
    features = np.ones((ends[-1], sequences[0].shape[1] + 1))
    for sequence, start, end in zip(sequences, starts, ends):
        features[start:end, :-1] = sequence
    of_all = np.concatenate([start + some for start, some in zip(starts, frames)])
    blocks = [Labelled(of_all, np.concatenate(labels), sign, gamma[0], epsilon[0]) for sign in (1, -1)]
    ramps = []
    for start, end, some, given in zip(starts, ends, frames, labels):
        apex = start + apex_of(some, given)
        ramps += [(slice(start, apex + 1), apex + 1 - start),
                  (slice(end - 1, apex - 1 if apex else None, -1), end - apex)]
    pairs = Pairs(max(n for _, n in ramps), gamma[1], smooth)
    return Rows(features, blocks + [Ramp(some, n, epsilon[1], pairs) for some, n in ramps if n > 1])


def apex_of(frames, labels):
    """A video's apex: the middle one of the labelled frames that have its highest label, the earlier one of two."""
    highest = frames[labels == labels.max()]
    return highest[(len(highest) - 1) // 2]
