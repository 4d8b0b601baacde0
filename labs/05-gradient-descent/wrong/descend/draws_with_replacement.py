"""Draws every batch afresh: some examples come twice in an epoch, others never."""

CAUGHT = r"m=12, b=4, epochs=2: epoch 1, update \d: example \d+ came twice"


def descend(loss_and_grad, w, m, b, epochs, lr, rng):
    losses = []
    for _ in range(epochs):
        total = 0.0
        for start in range(0, m, b):
            batch = rng.integers(0, m, min(b, m - start))
            loss, g = loss_and_grad(w, batch)
            total += len(batch) * loss
            w = w - lr * g
        losses.append(total / m)
    return w, losses
