"""LARS: every layer its own learning rate, in proportion to the size of its weights."""

import numpy as np

from dlpar.optim.updates import _share, _vector


class LARS:
    """v <- mu v + lr * trust |w| / (|g| + decay |w|) * (g + decay w), layer by layer; w <- w - v.

    A layer moves by about lr * trust of its own length, however large its gradient is: what lets
    batches grow past the point where one rate for all layers tears some of them apart. Memory: v.
    Where a layer's weights or gradients are all 0 the ratio is taken as 1.
    Source: You, Gitman & Ginsburg, arXiv:1708.03888 (2017), algorithm 1.
    """

    def __init__(self, params, parts, mu=0.9, trust=0.001, decay=0.0):
        """Start at rest: params (d,); parts, the layers' slices, as `Model.parts`."""
        if not (trust > 0 and decay >= 0):
            raise ValueError(f"trust must be above 0 and decay at least 0: {trust!r}, {decay!r}")
        self.params, self.mu = _vector(params), _share("mu", mu)
        self.parts = [part for part in parts if part.stop > part.start]
        self.trust, self.decay = trust, decay
        self.v = np.zeros_like(params)

    def step(self, grads, lr):
        """Update v by grads, (d,), and params by v."""
        for part in self.parts:
            w, g, v = self.params[part], grads[part], self.v[part]
            size, slope = float(np.linalg.norm(w)), float(np.linalg.norm(g))
            below = slope + self.decay * size
            ratio = self.trust * size / below if size and below else 1.0
            v *= self.mu
            v += float(lr) * ratio * (g + self.decay * w)
            w -= v
