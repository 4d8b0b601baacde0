"""Vectors: `scal axpy dot nrm2 iamax`, some operations an element and hence bound by memory."""

import math

import numpy as np

from dlpar.gpu import cuda, float32, float64, int64
from dlpar.kernels.blas.arguments import give_back, memory, nonzero, reach_of_vector
from dlpar.kernels.launching import blocks_for
from dlpar.kernels.warps import WARP, warp_sum

THREADS = 128  # per block; a power of two, since the trees below halve it
WARPS = THREADS // WARP  # per block
MOST_BLOCKS = 64  # of the kernels that reduce; the host puts so few results together


@cuda.jit(device=True)
def element(i, n, inc):
    """Return where element i of a vector is: a negative increment starts at the far end."""
    return i * inc if inc > 0 else (i - n + 1) * inc


@cuda.jit(device=True)
def sum_of_block(value, warp_sums):
    """Return in thread 0 the sum of `value` over the block; all threads call it.

    warp_sums : (WARPS,), shared, of the type of `value`, overwritten. One barrier.
    """
    t = cuda.threadIdx.x
    total = warp_sum(value)
    if t % WARP == 0:
        warp_sums[t // WARP] = total
    cuda.syncthreads()
    if t == 0:
        for w in range(1, WARPS):
            total += warp_sums[w]
    return total


@cuda.jit
def scal_kernel(n, alpha, x, incx):
    """x = alpha x, for n elements of float32 `x` on the device, `incx` apart. Launch n threads."""
    i = cuda.grid(1)
    if i < n:
        x[i * incx] *= alpha


@cuda.jit
def axpy_kernel(n, alpha, x, incx, y, incy):
    """y = alpha x + y, for n elements of float32 memory on the device. Launch n threads."""
    i = cuda.grid(1)
    if i < n:
        y[element(i, n, incy)] += alpha * x[element(i, n, incx)]


@cuda.jit
def dot_kernel(n, x, incx, y, incy, partial):
    """partial[b] = block b's share of the inner product of x and y, float32 on the device.

    Launch [partial.size, THREADS]. Shared: 4 bytes a warp.
    """
    warp_sums = cuda.shared.array(WARPS, float32)
    total = float32(0)
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        total += x[element(i, n, incx)] * y[element(i, n, incy)]
    total = sum_of_block(total, warp_sums)
    if cuda.threadIdx.x == 0:
        partial[cuda.blockIdx.x] = total


@cuda.jit
def squares_kernel(n, x, incx, partial):
    """partial[b] = block b's share of the sum of squares; x float32, partial float64.

    The square of any float32 is a float64: nothing overflows, nothing vanishes.
    Launch [partial.size, THREADS]. Shared: 8 bytes a warp.
    """
    warp_sums = cuda.shared.array(WARPS, float64)
    total = float64(0)
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        value = float64(x[i * incx])
        total += value * value
    total = sum_of_block(total, warp_sums)
    if cuda.threadIdx.x == 0:
        partial[cuda.blockIdx.x] = total


@cuda.jit
def largest_kernel(n, x, incx, magnitudes, indices):
    """Block b's largest magnitude, and the first index, from 0, at which its share has it.

    x : float32.  magnitudes : (blocks,) float32; indices : (blocks,) int64; both overwritten.
    A block without numbers leaves magnitude -1. Launch [blocks, THREADS]. Shared: 12 * THREADS.
    """
    best = cuda.shared.array(THREADS, float32)
    where = cuda.shared.array(THREADS, int64)
    t = cuda.threadIdx.x
    best[t] = float32(-1)
    where[t] = n
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        if abs(x[i * incx]) > best[t]:  # not >=: the first of equals stays
            best[t] = abs(x[i * incx])
            where[t] = i
    cuda.syncthreads()
    stride = THREADS // 2
    while stride > 0:
        if t < stride:
            other = t + stride
            equal_but_first = best[other] == best[t] and where[other] < where[t]
            if best[other] > best[t] or equal_but_first:
                best[t] = best[other]
                where[t] = where[other]
        cuda.syncthreads()
        stride //= 2
    if t == 0:
        magnitudes[cuda.blockIdx.x] = best[0]
        indices[cuda.blockIdx.x] = where[0]


def scal(n, alpha, x, incx):
    """x = alpha x. Does nothing for n <= 0, incx <= 0 or alpha = 1.

    x : float32 memory of at least 1 + (n-1) incx elements, changed in place; returned.
    """
    if n <= 0 or incx <= 0 or alpha == 1:
        return x
    on_device = memory("SSCAL", 3, "x", x, reach_of_vector(n, incx))
    scal_kernel[blocks_for(n), THREADS](n, np.float32(alpha), on_device, incx)
    return give_back(on_device, x)


def axpy(n, alpha, x, incx, y, incy):
    """y = alpha x + y. Does nothing for n <= 0 or alpha = 0.

    x, y : float32 memory of at least 1 + (n-1) |inc| elements; y is changed in place; returned.
    Raises ValueError for an increment of 0 and for memory that is too short.
    """
    if n <= 0 or alpha == 0:
        return y
    dx, dy = _two_vectors("SAXPY", 3, n, x, incx, y, incy)
    axpy_kernel[blocks_for(n), THREADS](n, np.float32(alpha), dx, incx, dy, incy)
    return give_back(dy, y)


def dot(n, x, incx, y, incy):
    """Return the inner product of x and y as a float: 0 for n <= 0. Arguments as for `axpy`."""
    if n <= 0:
        return 0.0
    dx, dy = _two_vectors("SDOT", 2, n, x, incx, y, incy)
    partial = cuda.device_array(_blocks(n), np.float32)
    dot_kernel[partial.size, THREADS](n, dx, incx, dy, incy, partial)
    return float(partial.copy_to_host().sum())


def nrm2(n, x, incx):
    """Return the Euclidean norm of x as a float: 0 for n <= 0 or incx <= 0.

    x : float32 memory of at least 1 + (n-1) incx elements. It does not overflow on the way.
    """
    if n <= 0 or incx <= 0:
        return 0.0
    dx = memory("SNRM2", 2, "x", x, reach_of_vector(n, incx))
    partial = cuda.device_array(_blocks(n), np.float64)
    squares_kernel[partial.size, THREADS](n, dx, incx, partial)
    return math.sqrt(partial.copy_to_host().sum())


def iamax(n, x, incx):
    """Return the index, from 1, of the first element of largest magnitude: 0 if there is none.

    x : float32 memory of at least 1 + (n-1) incx elements; n <= 0 or incx <= 0 give 0. NaN is
    never the largest; where all are NaN, the first is returned.
    """
    if n <= 0 or incx <= 0:
        return 0
    dx = memory("ISAMAX", 2, "x", x, reach_of_vector(n, incx))
    magnitudes = cuda.device_array(_blocks(n), np.float32)
    indices = cuda.device_array(_blocks(n), np.int64)
    largest_kernel[magnitudes.size, THREADS](n, dx, incx, magnitudes, indices)
    magnitudes, indices = magnitudes.copy_to_host(), indices.copy_to_host()
    first = indices[magnitudes == magnitudes.max()].min()
    return int(first) + 1 if first < n else 1


def _blocks(n):
    return min(blocks_for(n, THREADS), MOST_BLOCKS)


def _two_vectors(routine, number, n, x, incx, y, incy):
    """Return x and y on the device; `number` is that of parameter x."""
    nonzero(routine, number + 1, "incx", incx)
    nonzero(routine, number + 3, "incy", incy)
    dx = memory(routine, number, "x", x, reach_of_vector(n, incx))
    return dx, memory(routine, number + 2, "y", y, reach_of_vector(n, incy))
