"""Direct convolution: seven loops, of which the grid runs four. No workspace, no reuse."""

import numpy as np

from dlpar.gpu import cuda, float32
from dlpar.kernels.convolution.problem import FLOAT, Stage
from dlpar.kernels.indices import unravel
from dlpar.kernels.launching import THREADS, blocks_for


@cuda.jit
def direct_forward(x, filters, stride, padding, y):
    """y[n, k, p, q] = sum over c, r, s of x[n, c, p stride + r - padding, ...] filters[k, c, r, s].

    x : (n, c, h, w).  filters : (k, c, r, s).  y : (n, k, p, q), overwritten.  All float32, device.
    stride, padding : int.  Launch [blocks, threads] with blocks * threads >= y.size.
    Cost: c r s multiplications and 2 c r s loads a thread.
    """
    i = cuda.grid(1)
    if i < y.size:
        n, k, p, q = unravel(i, y.shape)
        total = float32(0)
        for r in range(filters.shape[2]):
            for s in range(filters.shape[3]):
                row, column = p * stride + r - padding, q * stride + s - padding
                if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
                    for c in range(x.shape[1]):
                        total += x[n, c, row, column] * filters[k, c, r, s]
        y[n, k, p, q] = total


@cuda.jit
def direct_backward_data(dy, filters, stride, padding, dx):
    """dx[n, c, h, w] = sum of dy times the filter's weight, over all outputs that saw the pixel.

    Shapes as in `direct_forward`; dx overwritten.  Launch with blocks * threads >= dx.size.
    Output p saw row h through weight r if p stride + r - padding = h. A thread gathers what its
    pixel gets: no atomics, the same bits each time.
    """
    i = cuda.grid(1)
    if i < dx.size:
        n, c, row, column = unravel(i, dx.shape)
        total = float32(0)
        for r in range(filters.shape[2]):
            for s in range(filters.shape[3]):
                down, right = row + padding - r, column + padding - s
                p, q = down // stride, right // stride
                on_grid = p * stride == down and q * stride == right
                if on_grid and 0 <= p < dy.shape[2] and 0 <= q < dy.shape[3]:
                    for k in range(dy.shape[1]):
                        total += dy[n, k, p, q] * filters[k, c, r, s]
        dx[n, c, row, column] = total


@cuda.jit
def direct_backward_filter(x, dy, stride, padding, dfilters):
    """dfilters[k, c, r, s] = sum over n, p, q of dy[n, k, p, q] times the pixel it saw there.

    Shapes as in `direct_forward`; dfilters overwritten.
    Launch with blocks * threads >= dfilters.size: few threads with long sums.
    """
    i = cuda.grid(1)
    if i < dfilters.size:
        k, c, r, s = unravel(i, dfilters.shape)
        total = float32(0)
        for p in range(dy.shape[2]):
            for q in range(dy.shape[3]):
                row, column = p * stride + r - padding, q * stride + s - padding
                if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
                    for n in range(dy.shape[0]):
                        total += dy[n, k, p, q] * x[n, c, row, column]
        dfilters[k, c, r, s] = total


def forward(problem, x, filters):
    """Return y, device, for device arrays of the problem's shapes."""
    y = cuda.device_array(problem.y_shape, np.float32)
    direct_forward[blocks_for(y.size), THREADS](x, filters, problem.stride, problem.padding, y)
    return y


def backward_data(problem, dy, filters):
    """Return dL/dx, device."""
    dx = cuda.device_array(problem.x_shape, np.float32)
    grid = blocks_for(dx.size)
    direct_backward_data[grid, THREADS](dy, filters, problem.stride, problem.padding, dx)
    return dx


def backward_filter(problem, x, dy):
    """Return dL/dfilters, device."""
    dfilters = cuda.device_array(problem.filter_shape, np.float32)
    grid = blocks_for(dfilters.size)
    direct_backward_filter[grid, THREADS](x, dy, problem.stride, problem.padding, dfilters)
    return dfilters


def supports(problem):
    """Whether it can: always."""
    return True


def workspace(problem):
    """Return 0 bytes."""
    return 0


def stages(problem):
    """Return the one Stage."""
    n, k, p, q = problem.y_shape
    taps = problem.c * problem.r * problem.s
    outputs = n * k * p * q
    return [Stage("direct", outputs * taps, FLOAT * outputs * (2 * taps + 1))]
