"""Cuts the epoch with reshape: works only where b divides m."""

CAUGHT = r"m=13, b=4, epochs=3: your code raised ValueError"


def descend(loss_and_grad, w, m, b, epochs, lr, rng):
    losses = []
    for _ in range(epochs):
        order, total = rng.permutation(m), 0.0
        for batch in order.reshape(-1, b):
            loss, g = loss_and_grad(w, batch)
            total += len(batch) * loss
            w = w - lr * g
        losses.append(total / m)
    return w, losses
