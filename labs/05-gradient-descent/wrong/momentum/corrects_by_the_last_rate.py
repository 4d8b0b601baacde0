"""Rescales v by new rate / old rate, which fails where a warm-up begins with 0."""

import numpy as np

CAUGHT = r"lrs=\[0.0, 0.0625, 0.125\], mu=0.5: your code raised ZeroDivisionError"


def momentum(grad, w, lrs, mu):
    route, v = [w], np.zeros_like(w)
    last = None
    for lr in lrs:
        v = mu * v * (1 if last is None else lr / last) + lr * grad(w)
        w = w - v
        last = lr
        route.append(w)
    return np.array(route)
