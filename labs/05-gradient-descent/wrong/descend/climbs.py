"""Adds the gradient: uphill."""

CAUGHT = r"m=12, b=4, epochs=2: the gradient of update 2 was asked for"


def descend(loss_and_grad, w, m, b, epochs, lr, rng):
    losses = []
    for _ in range(epochs):
        order, total = rng.permutation(m), 0.0
        for start in range(0, m, b):
            batch = order[start : start + b]
            loss, g = loss_and_grad(w, batch)
            total += len(batch) * loss
            w = w + lr * g
        losses.append(total / m)
    return w, losses
