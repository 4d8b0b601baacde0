"""Steps along the old v and adds the gradient afterwards: one update late."""

import numpy as np

CAUGHT = r"d=1, .*mu=0.5: the gradient of update 2 was asked for"


def momentum(grad, w, lrs, mu):
    route, v = [w], np.zeros_like(w)
    for lr in lrs:
        g = grad(w)
        w = w - lr * v
        v = mu * v + g
        route.append(w)
    return np.array(route)
