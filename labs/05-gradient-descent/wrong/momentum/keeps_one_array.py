"""Appends the same array in every update: all rows show the end."""

import numpy as np

CAUGHT = r"d=1, .*mu=0.5: your function returned"


def momentum(grad, w, lrs, mu):
    route, v = [w.copy()], np.zeros_like(w)
    w = w.copy()
    for lr in lrs:
        v = mu * v + grad(w)
        w -= lr * v
        route.append(w)
    return np.array(route)
