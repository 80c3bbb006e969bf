"""Convolutions of 3 x 3 windows, each one step from the next, by Winograd's minimal filtering F(2 x 2, 3 x 3).

Four neighbouring windows share a tile of 4 x 4 values. Of sums of these, 16 products a channel make what takes 36 of
the values themselves (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016): 16 matrix products
over all tiles. There are fewer roundings, too: errors are a half to a third of those of the direct sums.

Images are (N, H, W, C) here, in memory as well; what is of tiles is (column's 4, row's 4, N, rows, columns, C). A few
images are computed at a time, so that their tiles stay in the cache; how many depends on shapes alone.
"""
import math

import torch

# With fewer channels, and pairs of them, to make the sums costs more than there is to gain,
CHANNELS, PAIRS = 64, 64 * 128
TILES = 128  # and with fewer tiles to make the 16 factors of the 9 weights. So many are computed at a time at least,
_CACHED = 2 ** 20  # else as many as have so many values together.


def suits(shape, weight_shape, stride, pad):
    """Whether it is quicker for x (N, C, H, W) of this shape and weights (K, C, h, w) of that."""
    images, _, *sizes = shape
    return (tuple(weight_shape[2:]) == (3, 3) and tuple(stride) == (1, 1) and min(weight_shape[:2]) >= CHANNELS
            and math.prod(weight_shape[:2]) >= PAIRS
            and images * math.prod(_counts(sizes, pad)) >= TILES)


def convolve(x, weight, bias, pad):
    """F.conv2d of x (N, H, W, C) by weight (K, C, 3, 3): (N, H', W', K)."""
    counts, factors = _counts(x.shape[1:3], pad), _factors(weight).transpose(1, 2)
    y = x.new_empty(len(x), *(2 * count for count in counts), len(weight))
    parts = _Parts(x, weight, counts, pad)
    for part in parts:
        sums, products = parts.tiles(part)
        _spread(parts.padded(part), sums)
        torch.bmm(sums.view(16, -1, x.shape[3]), factors, out=products.view(16, -1, len(weight)))
        _gather(products, y[part])
        if bias is not None:
            y[part].add_(bias)
    return y[:, :x.shape[1] + 2 * pad[0] - 2, :x.shape[2] + 2 * pad[1] - 2]


def gradients(x, weight, grad, pad, wanted):
    """Those of x and of the weights, where wanted (two bools), else None. grad: of what convolve makes."""
    counts, channels, outputs = _counts(x.shape[1:3], pad), x.shape[3], len(weight)
    x_grad, factors = (torch.empty_like(x), _factors(weight)) if wanted[0] else (None, None)
    total = x.new_empty(16, outputs, channels) if wanted[1] else None
    parts = _Parts(x, weight, counts, pad)
    for part in parts:
        sums, products = parts.tiles(part)
        rows, above = sums.view(16, -1, channels), products.view(16, -1, outputs)
        _scatter(_even(grad[part], counts), products)
        if wanted[1]:
            _spread(parts.padded(part), sums)
            total.baddbmm_(above.transpose(1, 2), rows, beta=min(part.start, 1))  # 0: whatever it was
        if wanted[0]:
            torch.bmm(above, factors, out=rows)
            _fold(sums, x_grad[part], pad)
    return x_grad, (total.view(16, -1).t() @ _WEIGHTS).view_as(weight) if wanted[1] else None


class _Parts:
    """Slices of some images of x at a time, and memory for what is made of them."""

    def __init__(self, x, weight, counts, pad):
        self._x, self._counts, self._channels = x, counts, (x.shape[3], len(weight))
        each = 16 * math.prod(counts)
        self._step = min(len(x), max(1, 16 * TILES // each, _CACHED // (each * max(self._channels))))
        self._memories = [x.new_empty(self._step * each * channels) for channels in self._channels]
        self._around = self._inside = None  # the images with zeros around, as far as the tiles go
        (top, left), (height, width), spans = pad, x.shape[1:3], [2 * count + 2 for count in counts]
        if spans != [height, width]:
            self._around = x.new_zeros(self._step, *spans, x.shape[3])
            self._inside = self._around[:, top:top + height, left:left + width]

    def __iter__(self):
        return (slice(first, min(first + self._step, len(self._x))) for first in range(0, len(self._x), self._step))

    def padded(self, part):
        if self._around is None:
            return self._x[part]
        count = part.stop - part.start
        self._inside[:count] = self._x[part]
        return self._around[:count]

    def tiles(self, part):
        """Tiles of x's channels, and of the outputs."""
        shape = 4, 4, part.stop - part.start, *self._counts
        return [memory[:math.prod(shape) * channels].view(*shape, channels)
                for memory, channels in zip(self._memories, self._channels)]


def _counts(sizes, pad):
    """How many tiles there are along each axis."""
    return [-(-(size + 2 * margin - 2) // 2) for size, margin in zip(sizes, pad)]


def _even(grad, counts):
    """grad with zeros behind, as far as its tiles go."""
    (rows, columns), (height, width) = counts, grad.shape[1:3]
    if (2 * rows, 2 * columns) == (height, width):
        return grad
    around = grad.new_zeros(len(grad), 2 * rows, 2 * columns, grad.shape[3])
    around[:, :height, :width] = grad
    return around


# Along one axis, of a tile a, b, c, d and weights u, v, w: the sums a - c, b + c, c - b, d - b times the factors u,
# (u + v + w) / 2, (u - v + w) / 2, w are the products p, q, r, s, and the windows' values are p + q + r and q - r + s.

_WEIGHTS = torch.tensor([[1, 0, 0], [.5, .5, .5], [.5, -.5, .5], [0, 0, 1]])
_WEIGHTS = torch.einsum("bj,ai->baij", _WEIGHTS, _WEIGHTS).reshape(16, 9)


def _factors(weight):
    """What the sums are multiplied with, (16, K, C)."""
    return (_WEIGHTS @ weight.reshape(-1, 9).t()).view(16, *weight.shape[:2])


def _halves(x, axis):
    """What is at even places along the axis, and at odd ones."""
    return x.unflatten(axis, (-1, 2)).unbind(axis + 1)


def _spread(x, sums):
    """Make the sums of x (n, 2 rows + 2, 2 columns + 2, C)."""
    rows = x.new_empty(4, len(x), sums.shape[3], *x.shape[2:])
    _spread_along(1, x, rows)
    _spread_along(3, rows, sums)


def _spread_along(axis, x, sums):
    even, odd = _halves(x, axis)
    count = even.shape[axis] - 1
    a, b, c, d = (half.narrow(axis, first, count) for first in (0, 1) for half in (even, odd))
    torch.sub(a, c, out=sums[0])
    torch.add(b, c, out=sums[1])
    torch.sub(c, b, out=sums[2])
    torch.sub(d, b, out=sums[3])


def _gather(products, y):
    """Make y (n, 2 rows, 2 columns, K) of the products."""
    columns = y.new_empty(2, *products.shape[1:])
    _gather_along(products, columns)
    for values, places in zip(columns, _halves(y, 2)):
        _gather_along(values, _halves(places, 1))


def _gather_along(products, y):
    p, q, r, s = products
    torch.add(q, r, out=y[0])
    y[0].add_(p)
    torch.sub(q, r, out=y[1])
    y[1].add_(s)


def _scatter(grad, products):
    """_gather's transpose: of grad (n, 2 rows, 2 columns, K) the products' gradients."""
    even, odd = _halves(grad, 1)
    for row, made in zip((even, even + odd, even - odd, odd), products.unbind(1)):
        even, odd = _halves(row, 2)
        made[0].copy_(even)
        torch.add(even, odd, out=made[1])
        torch.sub(even, odd, out=made[2])
        made[3].copy_(odd)


def _fold(sums, x_grad, pad):
    """_spread's transpose: of the sums' gradients x_grad (n, H, W, C)."""
    _, _, images, rows, columns, channels = sums.shape
    folded = sums.new_empty(4, images, rows, 2 * columns + 2, channels)
    _fold_along(3, sums, folded)
    (top, left), (height, width) = pad, x_grad.shape[1:3]
    exact = (2 * rows + 2, 2 * columns + 2) == (height, width)
    around = x_grad if exact else x_grad.new_empty(images, 2 * rows + 2, 2 * columns + 2, channels)
    _fold_along(1, folded, around)
    if not exact:
        x_grad.copy_(around[:, top:top + height, left:left + width])


def _fold_along(axis, sums, x):
    p, q, r, s = sums
    even, odd = _halves(x, axis)
    count = even.shape[axis] - 1
    a, b, c, d = (half.narrow(axis, first, count) for first in (0, 1) for half in (even, odd))
    even.select(axis, count).zero_()
    odd.select(axis, count).zero_()
    a.copy_(p)
    torch.sub(q, r, out=b)
    b.sub_(s)
    c.add_(q).add_(r).sub_(p)
    d.add_(s)
