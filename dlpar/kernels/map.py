"""Maps: one thread an element, and what a thread does that has none."""

import numpy as np

from dlpar.gpu import cuda, float32
from dlpar.kernels.launching import THREADS, at_home, blocks_for, on_device

SIDE = 16  # a block of the kernels in two dimensions has SIDE x SIDE threads


@cuda.jit
def add_ten_exact(x, out):
    """out = x + 10, by exactly as many threads as there are elements.

    x, out : (n,) float32, device; `out` is overwritten.
    Launch [blocks, threads] with blocks * threads == n: one thread more writes beyond the end.
    Source: Rush, "GPU Puzzles", puzzle 1.
    """
    i = cuda.grid(1)
    out[i] = x[i] + float32(10)


@cuda.jit
def add_ten(x, out):
    """out = x + 10; threads beyond the end do nothing.

    x, out : (n,) float32, device; `out` is overwritten.
    Launch [blocks, threads] with blocks * threads >= n.
    Source: Rush, "GPU Puzzles", puzzle 3.
    """
    i = cuda.grid(1)
    if i < x.size:  # the guard
        out[i] = x[i] + float32(10)


@cuda.jit
def add_ten_strided(x, out):
    """out = x + 10; each thread takes every gridsize-th element, so that any grid will do.

    x, out : (n,) float32, device; `out` is overwritten. Launch any [blocks, threads].
    Source: Harris, "CUDA Pro Tip: Write Flexible Kernels with Grid-Stride Loops", 2013.
    """
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        out[i] = x[i] + float32(10)


@cuda.jit
def add_ten_2d(x, out):
    """out = x + 10 in two dimensions; x of the thread runs along a row, where memory does.

    x, out : (m, n) float32, device; `out` is overwritten.
    Launch [(ceil(n / SIDE), ceil(m / SIDE)), (SIDE, SIDE)].
    Source: Rush, "GPU Puzzles", puzzle 4.
    """
    column, row = cuda.grid(2)
    if row < x.shape[0] and column < x.shape[1]:
        out[row, column] = x[row, column] + float32(10)


@cuda.jit
def add_broadcast(a, b, out):
    """out[i, j] = a[i] + b[j]: a column and a row, each read again and again.

    a : (m,), b : (n,) float32, device.  out : (m, n) float32, device, overwritten.
    Launch [(ceil(n / SIDE), ceil(m / SIDE)), (SIDE, SIDE)].
    Source: Rush, "GPU Puzzles", puzzle 5.
    """
    column, row = cuda.grid(2)
    if row < a.size and column < b.size:
        out[row, column] = a[row] + b[column]


def plus_ten(x):
    """Return x + 10 for `x`, (n,) or (m, n) float32.

    Raises ValueError for another type or number of dimensions.
    """
    if len(x.shape) not in (1, 2):
        raise ValueError(f"x must have 1 or 2 dimensions, got shape {tuple(x.shape)}")
    given, x = x, on_device("x", x)
    out = cuda.device_array(x.shape, np.float32)
    if x.size and x.ndim == 1:
        add_ten[blocks_for(x.size), THREADS](x, out)
    elif x.size:
        add_ten_2d[grid_2d(*x.shape), (SIDE, SIDE)](x, out)
    return at_home(out, given)


def sum_of_pairs(a, b):
    """Return the (m, n) sums of every element of `a`, (m,), and every one of `b`, (n,), float32.

    Raises ValueError for another type or number of dimensions.
    """
    given, a, b = a, on_device("a", a, 1), on_device("b", b, 1)
    out = cuda.device_array((a.size, b.size), np.float32)
    if out.size:
        add_broadcast[grid_2d(a.size, b.size), (SIDE, SIDE)](a, b, out)
    return at_home(out, given)


def grid_2d(m, n):
    """Return the grid of SIDE x SIDE blocks that covers m rows of n elements."""
    return blocks_for(n, SIDE), blocks_for(m, SIDE)
