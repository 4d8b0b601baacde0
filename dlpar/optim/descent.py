"""Which examples an update sees: all of them, one, or a few."""

from itertools import islice, repeat

import numpy as np

from dlpar.data import checked_generator
from dlpar.optim.updates import SGD


def batches(m, b, rng=None):
    """Yield the indices of one epoch's mini-batches: each example once, `b` at a time.

    Parameters
    ----------
    m : how many examples there are.
    b : how many an update sees: m is batch gradient descent, 1 is stochastic.
    rng : numpy.random.Generator that shuffles the epoch, or None for the order 0 .. m - 1.

    Yields
    ------
    (b,) int64 arrays. If b does not divide m the last one is shorter, m % b: no example is lost,
    and its gradient is the mean over fewer.
    """
    if m < 1:
        raise ValueError(f"m must be at least 1, got {m!r}")
    if not 1 <= b <= m:
        raise ValueError(f"b must lie in 1 .. m = {m}, got {b!r}")
    order = np.arange(m) if rng is None else checked_generator(rng).permutation(m)
    for start in range(0, m, b):
        yield order[start : start + b]


def descend(model, x, y, b, updates, lr, rng=None, optimizer=None):
    """Train `model` by gradient descent; yield the loss of each batch before its update.

    Parameters
    ----------
    model : has `params` and `grads`, (d,) each, and `loss_and_grad(x, y)`. Changed in place.
    x, y : (m, ...) examples and their targets.
    b : examples an update sees, 1 .. m. rng : shuffles every epoch, or None for no shuffle.
    updates : how many updates; an epoch has ceil(m / b).
    lr : learning rate, or a schedule, called with the update's number 0, 1, ...
    optimizer : made for `model.params`; plain SGD if None.

    Yields
    ------
    float after each update. Nothing happens until one asks: `list(descend(...))` runs it all,
    and a loop that stops early leaves the model after the updates it saw.
    """
    if len(x) != len(y):
        raise ValueError(f"x and y must be equally long, got {len(x)} and {len(y)}")
    optimizer = SGD(model.params) if optimizer is None else optimizer
    rate = lr if callable(lr) else lambda t: lr
    epochs = (batches(len(x), b, rng) for _ in repeat(None))
    for t, batch in enumerate(islice((i for epoch in epochs for i in epoch), updates)):
        loss = model.loss_and_grad(x[batch], y[batch])
        optimizer.step(model.grads, rate(t))
        yield loss
