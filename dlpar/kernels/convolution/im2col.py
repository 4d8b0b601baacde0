"""im2col + GEMM: copy each output's patch into a column, and the rest is one matrix product.

One image at a time, so that the workspace is one image's: c r s p q floats, r s / stride**2 times
the image itself. Source: Chellapilla, Puri & Simard, IWFHR 2006, section 2.
"""

import numpy as np

from dlpar.gpu import cuda, float32
from dlpar.kernels.convolution.problem import FLOAT, Stage, gemm_stage
from dlpar.kernels.launching import THREADS, blocks_for
from dlpar.kernels.linear import multiply


@cuda.jit
def im2col(x, r, s, stride, padding, q, columns):
    """columns[(c r + i) s + j, p q + o] = x[c, p stride + i - padding, o stride + j - padding].

    x : (c, h, w) float32, one image.  columns : (c r s, p q) float32, overwritten, 0 where the
    patch lies in the padding.  Both on the device.  r, s : the filter's sides; q : columns of y.
    Launch [blocks, threads] with blocks * threads >= columns.size.
    """
    t = cuda.grid(1)
    if t < columns.size:
        tap, place = t // columns.shape[1], t % columns.shape[1]
        c, i, j = tap // (r * s), tap // s % r, tap % s
        row, column = place // q * stride + i - padding, place % q * stride + j - padding
        inside = 0 <= row < x.shape[1] and 0 <= column < x.shape[2]
        columns[tap, place] = x[c, row, column] if inside else float32(0)


@cuda.jit
def col2im(columns, r, s, stride, padding, q, x):
    """x[c, h, w] = the sum of the elements of `columns` that `im2col` would fill from that pixel.

    Arguments as in `im2col`, of which it is the transpose; x overwritten.
    Launch [blocks, threads] with blocks * threads >= x.size. A thread gathers for its pixel.
    """
    t = cuda.grid(1)
    if t < x.size:
        c, row, column = (
            t // (x.shape[1] * x.shape[2]),
            t // x.shape[2] % x.shape[1],
            t % x.shape[2],
        )
        p = columns.shape[1] // q
        total = float32(0)
        for i in range(r):
            for j in range(s):
                down, right = row + padding - i, column + padding - j
                a, b = down // stride, right // stride
                on_grid = a * stride == down and b * stride == right
                if on_grid and 0 <= a < p and 0 <= b < q:
                    total += columns[(c * r + i) * s + j, a * q + b]
        x[c, row, column] = total


def forward(problem, x, filters):
    """Return y, device, for device arrays of the problem's shapes."""
    n, k, p, q = problem.y_shape
    y = cuda.device_array((n, k, p * q), np.float32)
    columns = _columns(problem)
    weights = filters.reshape(k, -1)
    for image in range(n):
        _unfold(problem, x[image], columns)
        multiply(weights, columns, out=y[image])
    return y.reshape(n, k, p, q)


def backward_data(problem, dy, filters):
    """Return dL/dx, device: columns of gradients, W^T dy, folded back into the image."""
    n, k, p, q = problem.y_shape
    dx, columns = cuda.device_array(problem.x_shape, np.float32), _columns(problem)
    weights, slope = filters.reshape(k, -1), dy.reshape(n, k, p * q)
    for image in range(n):
        multiply(weights, slope[image], transpose_a=True, out=columns)
        part = dx[image]
        col2im[blocks_for(part.size), THREADS](columns, *_sides(problem), part)
    return dx


def backward_filter(problem, x, dy):
    """Return dL/dfilters, device: the sum over images of dy columns^T."""
    n, k, p, q = problem.y_shape
    columns, slope = _columns(problem), dy.reshape(n, k, p * q)
    total = cuda.device_array((k, len(columns)), np.float32)
    for image in range(n):
        _unfold(problem, x[image], columns)
        multiply(slope[image], columns, transpose_b=True, out=total, accumulate=image > 0)
    return total.reshape(problem.filter_shape)


def supports(problem):
    """Whether it can: always."""
    return True


def workspace(problem):
    """Return the bytes of one image's columns, forward and backward: 4 c r s p q."""
    return FLOAT * problem.c * problem.r * problem.s * problem.p * problem.q


def stages(problem):
    """Return the two Stages, over all images."""
    n, k, p, q = problem.y_shape
    taps = problem.c * problem.r * problem.s
    copy = Stage("im2col", 0, FLOAT * n * 2 * taps * p * q)
    return [copy, gemm_stage(k, p * q, taps, times=n)]


def _columns(problem):
    rows = problem.c * problem.r * problem.s
    return cuda.device_array((rows, problem.p * problem.q), np.float32)


def _unfold(problem, image, columns):
    im2col[blocks_for(columns.size), THREADS](image, *_sides(problem), columns)


def _sides(problem):
    return problem.r, problem.s, problem.stride, problem.padding, problem.q
