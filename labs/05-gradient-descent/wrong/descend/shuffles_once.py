"""Shuffles once for the whole run: every epoch has the same batches."""

CAUGHT = r"m=12, b=4, epochs=2: epoch 2 had the order of epoch 1"


def descend(loss_and_grad, w, m, b, epochs, lr, rng):
    losses, order = [], rng.permutation(m)
    for _ in range(epochs):
        total = 0.0
        for start in range(0, m, b):
            batch = order[start : start + b]
            loss, g = loss_and_grad(w, batch)
            total += len(batch) * loss
            w = w - lr * g
        losses.append(total / m)
    return w, losses
