"""Takes the mean of the batches' losses: in a short batch each example counts for more."""

import numpy as np

CAUGHT = r"m=13, b=4, epochs=3: losses, each example once: your function returned"


def descend(loss_and_grad, w, m, b, epochs, lr, rng):
    losses = []
    for _ in range(epochs):
        order, seen = rng.permutation(m), []
        for start in range(0, m, b):
            batch = order[start : start + b]
            loss, g = loss_and_grad(w, batch)
            seen.append(loss)
            w = w - lr * g
        losses.append(float(np.mean(seen)))
    return w, losses
