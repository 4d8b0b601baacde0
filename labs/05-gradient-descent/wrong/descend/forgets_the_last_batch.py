"""Makes m // b updates an epoch: the examples that remain are never seen."""

CAUGHT = r"m=13, b=4, epochs=3: epoch 1, update 4 saw 4 examples, not 1: 1 of the epoch were left"


def descend(loss_and_grad, w, m, b, epochs, lr, rng):
    losses = []
    for _ in range(epochs):
        order, total = rng.permutation(m), 0.0
        for start in range(0, m - b + 1, b):
            batch = order[start : start + b]
            loss, g = loss_and_grad(w, batch)
            total += len(batch) * loss
            w = w - lr * g
        losses.append(total / m)
    return w, losses
