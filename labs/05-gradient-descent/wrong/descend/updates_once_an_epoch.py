"""Collects the gradients of an epoch and makes one update at its end."""

CAUGHT = r"m=12, b=4, epochs=2: the gradient of update 2 was asked for"


def descend(loss_and_grad, w, m, b, epochs, lr, rng):
    losses = []
    for _ in range(epochs):
        order, total, whole = rng.permutation(m), 0.0, 0.0
        for start in range(0, m, b):
            batch = order[start : start + b]
            loss, g = loss_and_grad(w, batch)
            total += len(batch) * loss
            whole = whole + len(batch) * g / m
        w = w - lr * whole
        losses.append(total / m)
    return w, losses
