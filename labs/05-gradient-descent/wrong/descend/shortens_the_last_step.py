"""Shrinks the short batch's step by len(batch) / b: what comes is a mean already."""

CAUGHT = r"m=13, b=4, epochs=3: the gradient of update 5 was asked for"


def descend(loss_and_grad, w, m, b, epochs, lr, rng):
    losses = []
    for _ in range(epochs):
        order, total = rng.permutation(m), 0.0
        for start in range(0, m, b):
            batch = order[start : start + b]
            loss, g = loss_and_grad(w, batch)
            total += len(batch) * loss
            w = w - lr * len(batch) / b * g
        losses.append(total / m)
    return w, losses
