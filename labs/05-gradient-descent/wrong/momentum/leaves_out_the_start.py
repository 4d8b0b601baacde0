"""Returns the weights after each update, without the start."""

import numpy as np

CAUGHT = r"d=1, .*mu=0.5: your function returned shape \(4, 1\), not \(5, 1\)"


def momentum(grad, w, lrs, mu):
    route, v = [], np.zeros_like(w)
    for lr in lrs:
        v = mu * v + grad(w)
        w = w - lr * v
        route.append(w)
    return np.array(route)
