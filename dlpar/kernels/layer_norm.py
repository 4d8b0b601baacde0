"""Layer normalisation: each warp takes one row and brings it to mean 0 and variance 1.

The launchers take float32 arrays: NumPy arrays come back as NumPy arrays, device arrays stay on
the device. A wrong dtype or shape raises ValueError.
Source: Ba, Kiros & Hinton, arXiv 1607.06450, section 3.
"""

import math

import numpy as np

from dlpar.gpu import cuda
from dlpar.kernels.launching import THREADS, at_home, blocks_for, on_device, same_shape
from dlpar.kernels.warps import ROWS, WARP, warp_sum

ZERO, ONE = np.float32(0), np.float32(1)


@cuda.jit
def layer_norm_rows(x, gain, bias, eps, y, means, scales):
    """y = gain (x - mean) / sqrt(variance + eps) + bias, row by row.

    x, y : (rows, d) float32.  gain, bias : (d,) float32.  eps : float32.
    means, scales : (rows,) float32, the mean and 1 / sqrt(variance + eps), kept for backward.
    All on the device; y, means and scales overwritten.
    Launch [blocks, (32, ROWS)] with blocks * ROWS >= rows. Reads x three times: the variance is
    the mean of squared *deviations*, since mean(x**2) - mean(x)**2 loses all digits far from 0.
    """
    row = cuda.blockIdx.x * ROWS + cuda.threadIdx.y
    if row < x.shape[0]:  # whole warps leave: lanes of one warp share their row
        one_over_d = ONE / np.float32(x.shape[1])
        total = ZERO
        for j in range(cuda.threadIdx.x, x.shape[1], WARP):
            total += x[row, j]
        mean = warp_sum(total) * one_over_d
        total = ZERO
        for j in range(cuda.threadIdx.x, x.shape[1], WARP):
            total += (x[row, j] - mean) * (x[row, j] - mean)
        scale = ONE / math.sqrt(warp_sum(total) * one_over_d + eps)
        for j in range(cuda.threadIdx.x, x.shape[1], WARP):
            y[row, j] = gain[j] * ((x[row, j] - mean) * scale) + bias[j]
        if cuda.threadIdx.x == 0:
            means[row], scales[row] = mean, scale


@cuda.jit
def layer_norm_rows_backward(x, gain, means, scales, dy, dx):
    """dx = scale (g - mean(g) - xhat mean(g xhat)), with g = gain dy and xhat = scale (x - mean).

    x, dy, dx : (rows, d) float32.  gain : (d,).  means, scales : (rows,), from `layer_norm_rows`.
    All on the device; dx overwritten.  Launch as `layer_norm_rows`.
    """
    row = cuda.blockIdx.x * ROWS + cuda.threadIdx.y
    if row < x.shape[0]:
        one_over_d = ONE / np.float32(x.shape[1])
        mean, scale = means[row], scales[row]
        total, along = ZERO, ZERO
        for j in range(cuda.threadIdx.x, x.shape[1], WARP):
            g = gain[j] * dy[row, j]
            total += g
            along += g * ((x[row, j] - mean) * scale)
        total, along = warp_sum(total) * one_over_d, warp_sum(along) * one_over_d
        for j in range(cuda.threadIdx.x, x.shape[1], WARP):
            xhat = (x[row, j] - mean) * scale
            dx[row, j] = scale * (gain[j] * dy[row, j] - total - xhat * along)


@cuda.jit
def layer_norm_columns_backward(x, means, scales, dy, dgain, dbias):
    """dgain = sum over rows of dy xhat, dbias = sum over rows of dy: one thread a column.

    Shapes as in `layer_norm_rows_backward`; dgain, dbias : (d,) float32, overwritten.
    Launch [blocks, threads] with blocks * threads >= d: neighbours read neighbours.
    """
    j = cuda.grid(1)
    if j < x.shape[1]:
        for_gain, for_bias = ZERO, ZERO
        for row in range(x.shape[0]):
            for_gain += dy[row, j] * ((x[row, j] - means[row]) * scales[row])
            for_bias += dy[row, j]
        dgain[j], dbias[j] = for_gain, for_bias


def layer_norm(x, gain, bias, eps=1e-5):
    """Return y (rows, d), and (means, scales), (rows,) each, which the backward pass takes.

    x : (rows, d) float32, d at least 1.  gain, bias : (d,) float32.  eps > 0.
    """
    _check(x, gain=gain, bias=bias)
    if not eps > 0:
        raise ValueError(f"eps must be above 0, got {eps!r}")
    given = [on_device("x", x), on_device("gain", gain), on_device("bias", bias)]
    y = cuda.device_array(x.shape, np.float32)
    means, scales = (cuda.device_array(x.shape[0], np.float32) for _ in range(2))
    grid = blocks_for(x.shape[0], ROWS)
    layer_norm_rows[grid, (WARP, ROWS)](*given, np.float32(eps), y, means, scales)
    return at_home(y, x), (at_home(means, x), at_home(scales, x))


def layer_norm_grad(x, gain, statistics, dy):
    """Return (dL/dx, dL/dgain, dL/dbias), given (means, scales) of the forward pass and dL/dy."""
    _check(x, gain=gain)
    same_shape(x=x, dy=dy)
    means, scales = (on_device("statistics", part, ndim=1) for part in statistics)
    if {tuple(means.shape), tuple(scales.shape)} != {(x.shape[0],)}:
        raise ValueError(f"statistics must be two arrays ({x.shape[0]},): one entry a row of x")
    given, gains, slope = on_device("x", x), on_device("gain", gain), on_device("dy", dy)
    dx = cuda.device_array(x.shape, np.float32)
    dgain, dbias = (cuda.device_array(x.shape[1], np.float32) for _ in range(2))
    grid = blocks_for(x.shape[0], ROWS)
    layer_norm_rows_backward[grid, (WARP, ROWS)](given, gains, means, scales, slope, dx)
    layer_norm_columns_backward[blocks_for(x.shape[1]), THREADS](
        given, means, scales, slope, dgain, dbias
    )
    return at_home(dx, x), at_home(dgain, x), at_home(dbias, x)


def _check(x, **vectors):
    if len(x.shape) != 2 or x.shape[1] == 0:
        raise ValueError(f"x must be (rows, d) with d at least 1, got {tuple(x.shape)}")
    for name, vector in vectors.items():
        if tuple(vector.shape) != (x.shape[1],):
            raise ValueError(f"{name} must be ({x.shape[1]},), got {tuple(vector.shape)}")
