"""What an update does with a gradient.

Each optimiser is made for one flat vector of parameters and changes that vector in place. What it
remembers between steps is in arrays of the same shape, listed in its docstring: that is what a
checkpoint must hold. A step allocates nothing.

The vector is one-dimensional, contiguous, float32 or float64: a model's `params`, or a slice of it.
"""

import math

import numpy as np
from scipy.linalg.blas import daxpy, saxpy

_AXPY = {np.dtype(np.float32): saxpy, np.dtype(np.float64): daxpy}


def _add(y, a, x):
    """Add a * x to y, (d,) each, in one pass over memory; NumPy would take two.

    A processor with fused multiply-add rounds once, where y + a * x rounds twice.
    """
    if y.size:
        _AXPY[y.dtype](x, y, a=a)


class SGD:
    """w <- w - lr g: gradient descent, whichever examples g was averaged over. No memory."""

    def __init__(self, params):
        """Take the vector to change: params, (d,) float array."""
        self.params = _vector(params)

    def step(self, grads, lr):
        """Move params by -lr * grads; grads (d,) is not changed."""
        _add(self.params, -float(lr), grads)


class Momentum:
    """v <- mu v + g; w <- w - lr v, or with `nesterov` w <- w - lr (g + mu v). Memory: v.

    The learning rate stands outside of v, so that v is free of it: when it changes, nothing needs
    correction. This is PyTorch's form.
    Source: Polyak 1964; Sutskever et al., ICML 2013; Goyal et al. 2017, eq. 9.
    """

    def __init__(self, params, mu=0.9, nesterov=False):
        """Start at rest: params (d,), and 0 <= mu < 1."""
        self.params, self.mu, self.nesterov = _vector(params), _share("mu", mu), nesterov
        self.v = np.zeros_like(params)

    def step(self, grads, lr):
        """Update v by grads, (d,), and params by v."""
        lr = float(lr)
        self.v *= self.mu
        self.v += grads
        if self.nesterov:
            _add(self.params, -lr, grads)
            _add(self.params, -lr * self.mu, self.v)
        else:
            _add(self.params, -lr, self.v)


class PolyakMomentum:
    """v <- mu v + lr g; w <- w - v: the textbook's form, with the learning rate inside. Memory: v.

    When lr changes, v still holds steps of the old size. `correct` scales it by new lr / old lr
    first; then this is `Momentum` up to rounding, and without it every rise or fall of lr comes
    about 1 / (1 - mu) steps late.
    Source: Goyal et al. 2017, eq. 10 and remark 2 (momentum correction).
    """

    def __init__(self, params, mu=0.9, correct=True):
        """Start at rest: params (d,), and 0 <= mu < 1."""
        self.params, self.mu, self.correct = _vector(params), _share("mu", mu), correct
        self.v = np.zeros_like(params)
        self.lr = None  # of the last step

    def step(self, grads, lr):
        """Update v by lr * grads, (d,), and params by v; a corrected lr must stay above 0."""
        lr = float(lr)
        change = lr / self.lr if self.correct and self.lr is not None else 1.0
        self.lr = lr
        self.v *= self.mu * change
        _add(self.v, lr, grads)
        self.params -= self.v


class Adagrad:
    """w <- w - lr g / (sqrt(sum of all g**2 so far) + eps), entry by entry. Memory: squares.

    An entry that is often large is moved little: what Downpour's servers use, since late gradients
    then cannot throw the weights far. Source: Duchi, Hazan & Singer, JMLR 2011.
    """

    def __init__(self, params, eps=1e-8):
        """Start with no squares: params (d,), eps > 0."""
        if not eps > 0:
            raise ValueError(f"eps must be above 0, got {eps!r}")
        self.params, self.eps = _vector(params), eps
        self.squares = np.zeros_like(params)
        self._scratch = np.empty_like(params)

    def step(self, grads, lr):
        """Add the squares of grads, (d,), and move params."""
        self.squares += np.multiply(grads, grads, out=self._scratch)
        np.sqrt(self.squares, out=self._scratch)
        self._scratch += self.eps
        np.divide(grads, self._scratch, out=self._scratch)
        _add(self.params, -float(lr), self._scratch)


class Adam:
    """Momentum, divided entry by entry by the size that g has lately had. Memory: m, v, t.

    m <- b1 m + (1 - b1) g; v <- b2 v + (1 - b2) g**2;
    w <- w - lr (m / (1 - b1**t)) / (sqrt(v / (1 - b2**t)) + eps).
    Source: Kingma & Ba, ICLR 2015, algorithm 1.
    """

    def __init__(self, params, b1=0.9, b2=0.999, eps=1e-8):
        """Start with m = v = 0: params (d,), 0 <= b1, b2 < 1, eps > 0."""
        if not eps > 0:
            raise ValueError(f"eps must be above 0, got {eps!r}")
        self.params, self.b1, self.b2, self.eps = (
            _vector(params),
            _share("b1", b1),
            _share("b2", b2),
            eps,
        )
        self.m, self.v, self.t = np.zeros_like(params), np.zeros_like(params), 0
        self._scratch = np.empty_like(params)

    def step(self, grads, lr):
        """Update m, v and t by grads, (d,), and params by them."""
        self.t += 1
        self.m *= self.b1
        _add(self.m, 1 - self.b1, grads)
        self.v *= self.b2
        _add(self.v, 1 - self.b2, np.multiply(grads, grads, out=self._scratch))
        np.sqrt(self.v, out=self._scratch)
        self._scratch /= math.sqrt(1 - self.b2**self.t)
        self._scratch += self.eps
        np.divide(self.m, self._scratch, out=self._scratch)
        _add(self.params, -float(lr) / (1 - self.b1**self.t), self._scratch)


def _share(name, value):
    """Return `value` if it lies in [0, 1), else raise ValueError that names it."""
    if not 0 <= value < 1:
        raise ValueError(f"{name} must lie in [0, 1), got {value!r}")
    return float(value)


def _vector(params):
    """Return `params` if it is a vector that BLAS can change in place, else raise."""
    if not isinstance(params, np.ndarray):
        raise TypeError(f"params must be a NumPy array (d,), got {type(params).__name__}")
    if params.dtype not in _AXPY:
        raise TypeError(f"params must be float32 or float64, got {params.dtype}")
    if params.ndim != 1 or not params.flags.c_contiguous or not params.flags.writeable:
        raise ValueError("params must be one contiguous vector (d,) that may be written to")
    return params
