"""Puts the rate into v: the old gradients keep the old rate when it changes."""

import numpy as np

CAUGHT = r"d=2, .*mu=0.9: the gradient of update 3 was asked for at .*, but update 2 ends at"


def momentum(grad, w, lrs, mu):
    route, v = [w], np.zeros_like(w)
    for lr in lrs:
        v = mu * v + lr * grad(w)
        w = w - v
        route.append(w)
    return np.array(route)
