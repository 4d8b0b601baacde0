"""Pooling: the largest or the mean of each window of k x k pixels.

x is (batch, channels, h, w) float32 and y (batch, channels, p, q) with p = (h - k) // stride + 1;
what no window reaches is left out. The launchers return NumPy arrays for NumPy arrays and device
arrays for device arrays; a wrong dtype or shape raises ValueError.
The backward passes *gather*: the thread of a pixel adds up what the windows over it send back.
Nobody else writes there, so that no atomic is needed and every run gives the same bits.
"""

import numpy as np

from dlpar.gpu import cuda, float32
from dlpar.kernels.indices import unravel
from dlpar.kernels.launching import THREADS, at_home, blocks_for, on_device, same_shape


@cuda.jit
def max_pool_forward(x, k, stride, y, where):
    """y = the largest pixel of each window; where = its place in the image, row * w + column.

    x : (batch, channels, h, w) float32.  y : (batch, channels, p, q) float32, where : int32 of
    the shape of y; both overwritten.  All on the device.  k, stride : int.
    Launch [blocks, threads] with blocks * threads >= y.size. Of equal pixels the first wins, and
    NaN wins over all that come before it.
    """
    i = cuda.grid(1)
    if i < y.size:
        n, c, p, q = unravel(i, y.shape)
        top, left = p * stride, q * stride
        best, place = x[n, c, top, left], top * x.shape[3] + left
        for a in range(k):
            for b in range(k):
                v = x[n, c, top + a, left + b]
                if v > best or v != v:
                    best, place = v, (top + a) * x.shape[3] + left + b
        y[n, c, p, q], where[n, c, p, q] = best, place


@cuda.jit
def max_pool_backward(dy, where, k, stride, dx):
    """dx[pixel] = sum of dy over the windows whose largest pixel it is.

    dy, where : (batch, channels, p, q), from `max_pool_forward`.  dx : (batch, channels, h, w)
    float32, overwritten.  Launch [blocks, threads] with blocks * threads >= dx.size.
    """
    i = cuda.grid(1)
    if i < dx.size:
        n, c, row, column = unravel(i, dx.shape)
        total = float32(0)
        # Window p covers the rows p * stride .. p * stride + k - 1.
        for p in range(max(0, (row - k + stride) // stride), min(row // stride + 1, dy.shape[2])):
            for q in range(
                max(0, (column - k + stride) // stride), min(column // stride + 1, dy.shape[3])
            ):
                if where[n, c, p, q] == row * dx.shape[3] + column:
                    total += dy[n, c, p, q]
        dx[n, c, row, column] = total


@cuda.jit
def average_pool_forward(x, k, stride, scale, y):
    """y = scale times the sum of each window.

    x, y, k, stride and the launch as in `max_pool_forward`; scale : float32, 1 / k**2 for a mean.
    """
    i = cuda.grid(1)
    if i < y.size:
        n, c, p, q = unravel(i, y.shape)
        total = float32(0)
        for a in range(k):
            for b in range(k):
                total += x[n, c, p * stride + a, q * stride + b]
        y[n, c, p, q] = total * scale


@cuda.jit
def average_pool_backward(dy, k, stride, scale, dx):
    """dx[pixel] = scale times the sum of dy over the windows that it lies in.

    Shapes and launch as in `max_pool_backward`.
    """
    i = cuda.grid(1)
    if i < dx.size:
        n, c, row, column = unravel(i, dx.shape)
        total = float32(0)
        for p in range(max(0, (row - k + stride) // stride), min(row // stride + 1, dy.shape[2])):
            for q in range(
                max(0, (column - k + stride) // stride), min(column // stride + 1, dy.shape[3])
            ):
                total += dy[n, c, p, q]
        dx[n, c, row, column] = total * scale


def max_pool(x, k, stride=None):
    """Return y, and where: the place of each maximum in its image, which the backward pass takes.

    k >= 1 : side of a window, at most h and w.  stride >= 1 : k if None, windows side by side.
    """
    stride, shape = _windows(x.shape, k, stride)
    given = on_device("x", x, ndim=4)
    y, where = cuda.device_array(shape, np.float32), cuda.device_array(shape, np.int32)
    max_pool_forward[blocks_for(y.size), THREADS](given, k, stride, y, where)
    return at_home(y, x), at_home(where, x)


def max_pool_grad(dy, where, x_shape, k, stride=None):
    """Return dL/dx, of shape x_shape, given dL/dy and where the maxima were."""
    stride, shape = _windows(x_shape, k, stride)
    slope, places = on_device("dy", dy, ndim=4), on_device("where", where, dtype=np.int32)
    same_shape(where=where, dy=dy)
    _is("dy", dy, shape)
    dx = cuda.device_array(x_shape, np.float32)
    max_pool_backward[blocks_for(dx.size), THREADS](slope, places, k, stride, dx)
    return at_home(dx, dy)


def average_pool(x, k, stride=None):
    """Return y; k and stride as in `max_pool`."""
    stride, shape = _windows(x.shape, k, stride)
    given, y = on_device("x", x, ndim=4), cuda.device_array(shape, np.float32)
    average_pool_forward[blocks_for(y.size), THREADS](given, k, stride, np.float32(1 / k**2), y)
    return at_home(y, x)


def average_pool_grad(dy, x_shape, k, stride=None):
    """Return dL/dx, of shape x_shape, given dL/dy."""
    stride, shape = _windows(x_shape, k, stride)
    slope = on_device("dy", dy, ndim=4)
    _is("dy", dy, shape)
    dx = cuda.device_array(x_shape, np.float32)
    average_pool_backward[blocks_for(dx.size), THREADS](slope, k, stride, np.float32(1 / k**2), dx)
    return at_home(dx, dy)


def _windows(x_shape, k, stride):
    """Return the stride, and the shape of y."""
    stride = k if stride is None else stride
    if len(x_shape) != 4 or k < 1 or stride < 1 or min(x_shape[2:]) < k:
        raise ValueError(
            f"needs x (batch, channels, h, w) that holds a window and k, stride of at least 1, "
            f"got x {tuple(x_shape)}, k {k} and stride {stride}"
        )
    batch, channels, h, w = x_shape
    return stride, (batch, channels, (h - k) // stride + 1, (w - k) // stride + 1)


def _is(name, x, shape):
    if tuple(x.shape) != shape:
        raise ValueError(f"{name} must have shape {shape}, got {tuple(x.shape)}")
