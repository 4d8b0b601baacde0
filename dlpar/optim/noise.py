"""How noisy a mini-batch's gradient is, and from which batch on more examples stop helping."""

from typing import NamedTuple

import numpy as np

from dlpar.optim.descent import batches


class Noise(NamedTuple):
    """The gradient of the whole data set and what single examples scatter around it."""

    scale: float  # examples: scatter / squared_norm, "B_simple"
    scatter: float  # trace of the covariance of one example's gradient
    squared_norm: float  # |G|**2 of the mean over all examples


def noise_scale(model, x, y):
    """Return the gradient noise scale of `model` on x, y, exactly: one backward pass an example.

    A mini-batch of that many examples, drawn with replacement, has a gradient whose noise is as
    long as the gradient itself. `model.params` stay as they are; `model.grads` end as the mean.

    Source: McCandlish et al. 2018, eq. 2.9.
    """
    m = len(x)
    total, squares = np.zeros(model.params.size), 0.0
    for one in batches(m, 1):
        model.loss_and_grad(x[one], y[one])
        total += model.grads
        squares += float(np.vdot(model.grads, model.grads))
    mean = total / m
    squared_norm = float(mean @ mean)
    scatter = squares / m - squared_norm
    model.grads[:] = mean
    return Noise(scatter / squared_norm, scatter, squared_norm)


class Knee(NamedTuple):
    """S(b) = smallest * (1 + batch / b)."""

    smallest: float  # updates that no batch, however large, saves
    batch: float  # examples: the critical batch, where S is twice the smallest


def critical_batch(b, updates):
    """Fit S(b) = S_min (1 + B / b) to the updates that batches of b examples needed.

    Parameters
    ----------
    b, updates : equally long, at least two different b.

    The fit minimises the squared *relative* errors, so that the few updates of large batches count
    as much as the many of small ones. Source: McCandlish et al. 2018, eq. 2.11.
    """
    b, updates = np.asarray(b, float), np.asarray(updates, float)
    if b.shape != updates.shape or b.ndim != 1 or len(np.unique(b)) < 2:
        raise ValueError("b and updates must be equally long, with at least two different b")
    columns = np.stack([np.ones_like(b), 1 / b], axis=1) / updates[:, None]
    smallest, slope = np.linalg.lstsq(columns, np.ones_like(b), rcond=None)[0]
    return Knee(float(smallest), float(slope / smallest))
