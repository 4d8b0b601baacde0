"""Makes a generator of its own: every run has the same order, whatever it is told."""

import numpy as np

CAUGHT = r"with rngs seeded 5, 5 and 6: another rng gave the same order"


def descend(loss_and_grad, w, m, b, epochs, lr, rng):
    losses, rng = [], np.random.default_rng(0)
    for _ in range(epochs):
        order, total = rng.permutation(m), 0.0
        for start in range(0, m, b):
            batch = order[start : start + b]
            loss, g = loss_and_grad(w, batch)
            total += len(batch) * loss
            w = w - lr * g
        losses.append(total / m)
    return w, losses
