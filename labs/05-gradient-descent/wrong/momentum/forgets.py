"""Starts v anew in every update: plain descent."""

import numpy as np

CAUGHT = r"d=1, .*mu=0.5: the gradient of update 3 was asked for"


def momentum(grad, w, lrs, mu):
    route = [w]
    for lr in lrs:
        v = np.zeros_like(w)
        v = mu * v + grad(w)
        w = w - lr * v
        route.append(w)
    return np.array(route)
