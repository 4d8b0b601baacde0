"""Asks once for the loss and once more for the gradient: right, at twice the price."""

CAUGHT = r"m=12, b=4, epochs=2: epoch 1, update 2: example \d+ came twice"


def descend(loss_and_grad, w, m, b, epochs, lr, rng):
    losses = []
    for _ in range(epochs):
        order, total = rng.permutation(m), 0.0
        for start in range(0, m, b):
            batch = order[start : start + b]
            loss = loss_and_grad(w, batch)[0]
            g = loss_and_grad(w, batch)[1]
            total += len(batch) * loss
            w = w - lr * g
        losses.append(total / m)
    return w, losses
