"""Asks for a gradient before the loop and one more in each update."""

import numpy as np

CAUGHT = r"d=1, .*mu=0.5: the gradient of update 2 was asked for"


def momentum(grad, w, lrs, mu):
    route, v = [w], 0 * grad(w)
    for lr in lrs:
        v = mu * v + grad(w)
        w = w - lr * v
        route.append(w)
    return np.array(route)
