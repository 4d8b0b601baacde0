"""The layers of a perceptron.

Every layer has `forward(x)`, which keeps what `backward` will need, and `backward(dy)`, which takes
dL/dy for the y of the last forward, sets the gradients of the layer's parameters and returns dL/dx.
`parameters` names the layer's parameters; the gradient of `W` is `dW`.

What forward and backward return lies in the layer's own buffer, and the next call overwrites it.
A training step of unchanging batch size allocates nothing.
"""

import math

import numpy as np

from dlpar.data import checked_generator

LINE = 64  # bytes of a cache line, and of the widest load of a processor


def aligned(shape, dtype):
    """Return a new array, not filled, that begins with a cache line, so that no load crosses two.

    NumPy promises 16 bytes only; for the layers' products the difference is 2 or 3 %.
    """
    nbytes = math.prod(shape) * np.dtype(dtype).itemsize
    raw = np.empty(nbytes + LINE, np.uint8)
    start = -raw.ctypes.data % LINE
    return raw[start : start + nbytes].view(dtype).reshape(shape)


def fit(buffer, shape, dtype):
    """Return `buffer` if it has this shape and dtype, else a new array that has, not filled."""
    if buffer.shape != shape or buffer.dtype != dtype:
        return aligned(shape, dtype)
    return buffer


class Linear:
    """y = x @ W + b, with x (batch, d_in), W (d_in, d_out), b (d_out,), y (batch, d_out).

    W is normal with variance 2 / d_in, b is 0. Source: He et al., ICCV 2015, eq. 10.
    """

    parameters = ("W", "b")

    def __init__(self, d_in, d_out, rng):
        """Draw W from the generator `rng`; float64 until a Model takes the layer in."""
        if d_in < 1 or d_out < 1:
            raise ValueError(f"d_in and d_out must be at least 1, got {d_in} and {d_out}")
        self.W = checked_generator(rng).normal(0, np.sqrt(2 / d_in), (d_in, d_out))
        self.b = np.zeros(d_out)
        self.dW, self.db = np.empty_like(self.W), np.empty_like(self.b)
        self.y = self.dx = np.empty(0)

    def forward(self, x):
        """Return y for x (batch, d_in). Raises ValueError if x has another shape."""
        d_in, d_out = self.W.shape
        if x.ndim != 2 or x.shape[1] != d_in:
            raise ValueError(f"Linear({d_in}, {d_out}) needs x (batch, {d_in}), got {x.shape}")
        self.x = x  # kept for backward
        self.y = fit(self.y, (len(x), d_out), self.W.dtype)
        np.dot(x, self.W, out=self.y)
        self.y += self.b
        return self.y

    def backward(self, dy, need_dx=True):
        """Take dL/dy (batch, d_out); set dW and db; return dL/dx (batch, d_in) if needed."""
        self.dy = dy  # with x, a sufficient factor of dW: for those who send the two in its place
        np.dot(self.x.T, dy, out=self.dW)  # matmul leaves BLAS for a batch of 1: 7 times the time
        np.add.reduce(dy, axis=0, out=self.db)
        if not need_dx:
            return None
        self.dx = fit(self.dx, self.x.shape, self.W.dtype)
        return np.dot(dy, self.W.T, out=self.dx)


class ReLU:
    """y = max(x, 0), entry by entry, for x of any shape; its slope at 0 is taken as 0."""

    parameters = ()

    def __init__(self):
        """Need nothing: shapes come with x."""
        self.y = self.positive = np.empty(0)

    def forward(self, x):
        """Return y, of the shape of x."""
        self.y = fit(self.y, x.shape, x.dtype)
        row = np.zeros(x.shape[1:], x.dtype)  # twice as fast as against a scalar 0
        return np.maximum(x, row, out=self.y)

    def backward(self, dy):
        """Overwrite dL/dy with dL/dx, and return it."""
        self.positive = fit(self.positive, self.y.shape, np.bool_)
        np.greater(self.y, 0, out=self.positive)
        return np.multiply(dy, self.positive, out=dy)
