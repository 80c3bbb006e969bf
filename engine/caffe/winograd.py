"""Convolutions of 3 x 3 windows, each one step from the next, by Winograd's minimal filtering F(4 x 2, 3 x 3).

4 x 2 windows beside each other share a tile of 6 x 4 values. Of sums of these, 24 products a channel make what takes 72
of the values themselves (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016): 24 matrix products
over all tiles. A small matrix makes the sums of all tiles' values, and another one of the products what is wanted.

Images are (N, H, W, C) here, in memory as well; what is of tiles is (place in the tile, N, rows, columns, C). A few
images are computed at a time, so that their tiles stay in the cache; how many depends on shapes alone.
"""
import functools
import math

import numpy as np
import torch

# With fewer channels, and pairs of them, to make the sums costs more than there is to gain. AVX-512 halves what the
# products take, but not what the sums do.
_LEAST, _LEAST_WITHOUT_AVX512 = (64, 64 * 128), (32, 32 * 64)
_LEAST_FORWARD = 64, 128 * 256  # with AVX-512
TILES = 64  # With fewer, to make the factors costs more. Twice as many are computed at a time at least,
_CACHED, _CACHED_FORWARD = 2 ** 20, 2 ** 21  # else as many as have so many values together.
OF_EACH = 3  # With fewer of each image there are too few of all, though the factors are there.

# The windows of a tile, high and wide. Errors are up to three times those of the direct sums; of 4 x 4, six times.
_WINDOWS = (2, 2), (4, 2), (2, 4)


def suits(shape, weight_shape, stride, pad):
    """Whether it is quicker for x (N, C, H, W) of this shape and weights (K, C, h, w) of that."""
    return _is_worth_it(weight_shape, stride, _LEAST) and shape[0] * math.prod(_tiling(shape[2:], pad)[1]) >= TILES


def suits_each(sizes, weight_shape, stride, pad):
    """The same of images (C, H, W) of these sizes, for whose weights factors are kept, if it does not matter to the
    bits of one how many others there are.
    """
    return (_is_worth_it(weight_shape, stride, _LEAST_FORWARD) and math.prod(_tiling(sizes[1:], pad)[1]) >= OF_EACH
            and _are_apart(tuple(sizes), weight_shape[0], tuple(pad), torch.get_num_threads()))


def _is_worth_it(weight_shape, stride, least):
    with_avx512 = torch.backends.cpu.get_cpu_capability() == "AVX512"
    channels, pairs = least if with_avx512 else _LEAST_WITHOUT_AVX512
    return (tuple(weight_shape[2:]) == (3, 3) and tuple(stride) == (1, 1) and min(weight_shape[:2]) >= channels
            and math.prod(weight_shape[:2]) >= pairs)


@functools.cache
def _are_apart(sizes, outputs, pad, threads):
    """Whether each of some images gives the bits that it gives alone: with MKL's strict mode (threads.py) always, else
    as the processor, the sizes and the number of threads will have it. Tried with all numbers computed at a time.
    """
    random, (channels, height, width) = torch.Generator().manual_seed(0), sizes
    weight = torch.rand(outputs, channels, 3, 3, generator=random)
    kept, step = factors(weight, sizes, pad), _of_one(weight, sizes, pad).step
    x = torch.rand(step, height, width, channels, generator=random)
    alone = torch.cat([convolve(image[None], weight, None, pad, kept) for image in x])
    return all(torch.equal(convolve(x[:count], weight, None, pad, kept), alone[:count])
               for count in range(2, step + 1))


def factors(weight, sizes, pad):
    """What convolve() takes as factors, for images (C, H, W) of these sizes."""
    return _of_one(weight, sizes, pad).factors(weight).transpose(1, 2).contiguous()


def _of_one(weight, sizes, pad):
    """The _Tiles of one such image."""
    channels, height, width = sizes
    return _Tiles(weight.new_empty(1, height, width, channels), weight, pad, _CACHED_FORWARD)


def convolve(x, weight, bias, pad, factors=None):
    """F.conv2d of x (N, H, W, C) by weight (K, C, 3, 3): (N, H', W', K). factors: the weight's, if they are kept."""
    tiles = _Tiles(x, weight, pad, _CACHED if factors is None else _CACHED_FORWARD)
    factors = tiles.factors(weight).transpose(1, 2) if factors is None else factors
    y = x.new_empty(len(x), *tiles.made, len(weight))
    for part in tiles.parts:
        products = tiles.products(len(x[part]))
        torch.bmm(tiles.spread(x[part]), factors, out=products)
        tiles.gather(products, 0 if bias is None else bias, y[part])
    return y


def gradients(x, weight, grad, pad, wanted):
    """Those of x and of the weights, where wanted (two bools), else None. grad: of what convolve makes."""
    tiles = _Tiles(x, weight, pad, _CACHED)
    x_grad, factors = (torch.empty_like(x), tiles.factors(weight)) if wanted[0] else (None, None)
    total = x.new_empty(tiles.places, len(weight), x.shape[3]) if wanted[1] else None
    for part in tiles.parts:
        products = tiles.scatter(grad[part])
        if wanted[1]:
            total.baddbmm_(products.transpose(1, 2), tiles.spread(x[part]), beta=min(part.start, 1))  # 0: not yet set
        if wanted[0]:
            sums = tiles.sums(len(x[part]))
            torch.bmm(products, factors, out=sums)
            tiles.fold(sums, x_grad[part])
    return x_grad, tiles.weights(total) if wanted[1] else None


def _tiling(sizes, pad):
    """The windows of a tile, high and wide, that need the fewest products; and how many tiles there are, the same."""
    def counts(windows):
        return [-(-(size + 2 * margin - 2) // along) for size, margin, along in zip(sizes, pad, windows)]

    def products(windows):
        return math.prod(count * (along + 2) for count, along in zip(counts(windows), windows))
    windows = min(_WINDOWS, key=products)
    return windows, counts(windows)


class _Tiles:
    """Those of images x (N, H, W, C), padded, and of what is made of them, (N, H', W', K).

    Sums and products are (places, tiles, channels). They are in memory that the next images' are written to.
    """

    def __init__(self, x, weight, pad, cached):
        (top, left), (images, height, width, self._channels), self._outputs = pad, x.shape, len(weight)
        self._windows, self._counts = _tiling((height, width), pad)
        self._tile = [along + 2 for along in self._windows]
        self._spans = [count * along for count, along in zip(self._counts, self._windows)]
        self._of_values, self._of_weights, self._of_products = _matrices(self._windows)
        self.places, count = math.prod(self._tile), math.prod(self._counts)
        self.step = max(1, 2 * TILES // count, cached // (self.places * count * max(self._channels, self._outputs)))
        self.parts = [slice(first, min(first + self.step, images)) for first in range(0, images, self.step)]
        self.made = [height + 2 * top - 2, width + 2 * left - 2]
        self._inside = slice(None), slice(top, top + height), slice(left, left + width)
        self._memories, self._zeros, self._empty = {}, x.new_zeros, x.new_empty

    def factors(self, weight):
        """What the sums are multiplied with, (places, K, C)."""
        rows = weight.permute(0, 2, 3, 1).reshape(len(weight), 9, -1)
        return (self._of_weights @ rows).transpose(0, 1)

    def weights(self, factors):
        """factors' transpose."""
        return (self._of_weights.t() @ factors.flatten(1)).view(3, 3, *factors.shape[1:]).permute(2, 3, 0, 1)

    def sums(self, images):
        """Memory for those of so many images."""
        return self._memory("sums", self.places, images * math.prod(self._counts), self._channels)

    def products(self, images):
        """The same for products."""
        return self._memory("products", self.places, images * math.prod(self._counts), self._outputs)

    def spread(self, x):
        """The sums of x (n, H, W, C)."""
        spans = [span + 2 for span in self._spans]
        if spans != list(x.shape[1:3]):
            around = self._memory("around", len(x), *spans, self._channels)
            around[self._inside] = x
            x = around
        values = self._memory("values", *self._tile, len(x), *self._counts, self._channels)
        for axis in 1, 2:
            x = x.unfold(axis, self._tile[axis - 1], self._windows[axis - 1])
        values.copy_(x.permute(4, 5, 0, 1, 2, 3))
        return _multiply(self._of_values, values, self.sums(len(x)))

    def fold(self, sums, x_grad):
        """spread's transpose: of the sums' gradients x_grad (n, H, W, C)."""
        (m, n), (rows, columns), images = self._windows, self._counts, len(x_grad)
        values = self._memory("values", *self._tile, images, rows, columns, self._channels)
        values = _multiply(self._of_values.t(), sums, values).permute(2, 3, 0, 4, 1, 5)
        folded = self._memory("folded", images, rows + 1, m, columns + 1, n, self._channels)
        folded[:, rows], folded[:, :, :, columns] = 0, 0
        folded[:, :rows, :, :columns] = values[:, :, :m, :, :n]
        folded[:, 1:, :2, :columns] += values[:, :, m:, :, :n]
        folded[:, :rows, :, 1:, :2] += values[:, :, :m, :, n:]
        folded[:, 1:, :2, 1:, :2] += values[:, :, m:, :, n:]
        x_grad.copy_(folded.flatten(1, 2).flatten(2, 3)[self._inside])

    def gather(self, products, bias, y):
        """Make y (n, H', W', K) of the products, and add a bias."""
        made = self._memory("made", *self._windows, len(y), *self._counts, self._outputs)
        _multiply(self._of_products, products, made)
        whole = self._whole(y)
        torch.add(made, bias, out=self._blocks(whole))
        if whole is not y:
            y.copy_(whole[:, :y.shape[1], :y.shape[2]])

    def scatter(self, grad):
        """gather's transpose: of grad (n, H', W', K) the products' gradients."""
        whole = self._whole(grad)
        if whole is not grad:
            whole[:, :grad.shape[1], :grad.shape[2]] = grad
        made = self._memory("made", *self._windows, len(grad), *self._counts, self._outputs)
        made.copy_(self._blocks(whole))
        return _multiply(self._of_products.t(), made, self.products(len(grad)))

    def _whole(self, y):
        """y, or where tiles go beyond it, memory as far as they go, with zeros behind."""
        return y if self._spans == list(y.shape[1:3]) else self._memory("behind", len(y), *self._spans, self._outputs)

    def _blocks(self, y):
        """y (n, H', W', K) as (high, wide, n, rows, columns, K)."""
        (rows, columns), (m, n) = self._counts, self._windows
        return y.view(len(y), rows, m, columns, n, -1).permute(2, 4, 0, 1, 3, 5)

    def _memory(self, name, *shape):
        """Of this shape. The first time it is for no fewer images than later."""
        if name not in self._memories:
            self._memories[name] = (self._zeros if name in ("around", "behind") else self._empty)(math.prod(shape))
        return self._memories[name][:math.prod(shape)].view(shape)


def _multiply(matrix, tiles, made):
    """made, of tiles as are those given, by this matrix over the places."""
    torch.mm(matrix, tiles.view(matrix.shape[1], -1), out=made.view(matrix.shape[0], -1))
    return made


@functools.cache
def _matrices(windows):
    """What makes the sums of a tile's values, the factors of 9 weights, and of the products what is wanted."""
    return [torch.tensor(np.kron(*along), dtype=torch.float32) for along in zip(*map(_along, windows))]


# The polynomials of the values and of the weights are multiplied by their values at these points, and at infinity, as
# Toom and Cook did. These have the fewest roundings.
_POINTS = {2: (0, 1, -1), 4: (0, .5 ** .5, -.5 ** .5, 2 ** .5, -2 ** .5)}


def _along(count):
    """The same for so many windows along one axis."""
    points = _POINTS[count]
    others = [np.poly(points[:i] + points[i + 1:])[::-1] for i in range(len(points))]
    values = np.array([[*poly, 0] for poly in others] + [np.poly(points)[::-1]])
    weights = np.array([[point ** i / np.polyval(poly[::-1], point) for i in range(3)]
                        for point, poly in zip(points, others)] + [[0, 0, 1]])
    products = np.array([[point ** i for i in range(count)] for point in points] + [[0] * (count - 1) + [1]]).T
    return values, weights, products
