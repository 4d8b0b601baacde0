"""Multiplies the mean gradient by the batch: the step of a sum, b times too long."""

CAUGHT = r"epochs=2: the gradient of update 2 was asked for at w\[\d\] = .*update 1 ends at"


def descend(loss_and_grad, w, m, b, epochs, lr, rng):
    losses = []
    for _ in range(epochs):
        order, total = rng.permutation(m), 0.0
        for start in range(0, m, b):
            batch = order[start : start + b]
            loss, g = loss_and_grad(w, batch)
            total += len(batch) * loss
            w = w - lr * len(batch) * g
        losses.append(total / m)
    return w, losses
