"""Shuffles with NumPy's global generator: nobody can repeat the run."""

import numpy as np

CAUGHT = r"with rngs seeded 5, 5 and 6: the same rng gave two different orders"


def descend(loss_and_grad, w, m, b, epochs, lr, rng):
    losses = []
    for _ in range(epochs):
        order, total = np.random.permutation(m), 0.0  # noqa: NPY002
        for start in range(0, m, b):
            batch = order[start : start + b]
            loss, g = loss_and_grad(w, batch)
            total += len(batch) * loss
            w = w - lr * g
        losses.append(total / m)
    return w, losses
