"""Activations, one thread an element: y = f(x), and dx = dy f'(x).

The launchers take (any shape) float32 arrays and return one of that shape: NumPy arrays come back
as NumPy arrays, device arrays stay on the device. A wrong dtype or shape raises ValueError.
Each reads and writes every element once: 2 or 3 times 4 bytes an element, so memory is the limit.
"""

import math

import numpy as np

from dlpar.gpu import cuda
from dlpar.kernels.launching import THREADS, at_home, blocks_for, on_device, same_shape

# A bare 0.5 in a kernel is float64, and would drag the arithmetic with it.
ZERO, HALF, ONE = np.float32(0), np.float32(0.5), np.float32(1)
ROOT_HALF = np.float32(math.sqrt(0.5))
DENSITY_AT_0 = np.float32(1 / math.sqrt(2 * math.pi))


@cuda.jit
def relu_forward(x, y):
    """y = max(x, 0); NaN stays NaN.

    x, y : (n,) float32, device.  Launch [blocks, threads] with blocks * threads >= n.
    """
    i = cuda.grid(1)
    if i < x.size:
        y[i] = ZERO if x[i] < ZERO else x[i]


@cuda.jit
def relu_backward(x, dy, dx):
    """dx = dy where x > 0, else 0: the slope at 0 is taken as 0.

    x, dy, dx : (n,) float32, device; dx overwritten.  Launch as `relu_forward`.
    """
    i = cuda.grid(1)
    if i < x.size:
        dx[i] = dy[i] if x[i] > ZERO else ZERO


@cuda.jit
def sigmoid_forward(x, y):
    """y = 1 / (1 + exp(-x)): where exp overflows to infinity, y is 0, as it should be.

    x, y : (n,) float32, device.  Launch as `relu_forward`.
    """
    i = cuda.grid(1)
    if i < x.size:
        y[i] = ONE / (ONE + math.exp(-x[i]))


@cuda.jit
def sigmoid_backward(y, dy, dx):
    """dx = dy y (1 - y), from the y of the forward pass.

    y, dy, dx : (n,) float32, device; dx overwritten.  Launch as `relu_forward`.
    """
    i = cuda.grid(1)
    if i < y.size:
        dx[i] = dy[i] * y[i] * (ONE - y[i])


@cuda.jit
def tanh_forward(x, y):
    """y = tanh(x).

    x, y : (n,) float32, device.  Launch as `relu_forward`.
    """
    i = cuda.grid(1)
    if i < x.size:
        y[i] = math.tanh(x[i])


@cuda.jit
def tanh_backward(y, dy, dx):
    """dx = dy (1 - y**2), from the y of the forward pass.

    y, dy, dx : (n,) float32, device; dx overwritten.  Launch as `relu_forward`.
    """
    i = cuda.grid(1)
    if i < y.size:
        dx[i] = dy[i] * (ONE - y[i] * y[i])


@cuda.jit
def gelu_forward(x, y):
    """y = x Phi(x), with Phi the normal distribution's cumulative function.

    x, y : (n,) float32, device.  Launch as `relu_forward`.
    Source: Hendrycks & Gimpel, arXiv 1606.08415, section 2.
    """
    i = cuda.grid(1)
    if i < x.size:
        y[i] = HALF * x[i] * (ONE + math.erf(x[i] * ROOT_HALF))


@cuda.jit
def gelu_backward(x, dy, dx):
    """dx = dy (Phi(x) + x phi(x)), with phi the normal density.

    x, dy, dx : (n,) float32, device; dx overwritten.  Launch as `relu_forward`.
    """
    i = cuda.grid(1)
    if i < x.size:
        v = x[i]
        below = HALF * (ONE + math.erf(v * ROOT_HALF))
        density = DENSITY_AT_0 * math.exp(-HALF * v * v)
        dx[i] = dy[i] * (below + v * density)


def relu(x):
    """Return max(x, 0)."""
    return _each(relu_forward, x)


def relu_grad(x, dy):
    """Return dL/dx of relu, given x and dL/dy."""
    return _each(relu_backward, x, dy)


def sigmoid(x):
    """Return 1 / (1 + exp(-x))."""
    return _each(sigmoid_forward, x)


def sigmoid_grad(y, dy):
    """Return dL/dx of sigmoid, given its y and dL/dy."""
    return _each(sigmoid_backward, y, dy)


def tanh(x):
    """Return tanh(x)."""
    return _each(tanh_forward, x)


def tanh_grad(y, dy):
    """Return dL/dx of tanh, given its y and dL/dy."""
    return _each(tanh_backward, y, dy)


def gelu(x):
    """Return x Phi(x): the exact form with erf, not the approximation by tanh."""
    return _each(gelu_forward, x)


def gelu_grad(x, dy):
    """Return dL/dx of gelu, given x and dL/dy."""
    return _each(gelu_backward, x, dy)


def _each(kernel, x, *more):
    """Launch `kernel` on `x`, `more` arrays of its shape, and a new one; return the new one."""
    given = [on_device("x", x), *(on_device("dy", other) for other in more)]
    if more:
        same_shape(x=x, dy=more[0])
    result = cuda.device_array(x.shape, np.float32)
    flat = [array.ravel() for array in (*given, result)]
    kernel[blocks_for(x.size), THREADS](*flat)
    return at_home(result, x)
