"""Asks for the gradient where the momentum will carry it: that is Nesterov's."""

import numpy as np

CAUGHT = r"d=1, .*mu=0.5: the gradient of update 2 was asked for"


def momentum(grad, w, lrs, mu):
    route, v = [w], np.zeros_like(w)
    for lr in lrs:
        v = mu * v + grad(w - lr * mu * v)
        w = w - lr * v
        route.append(w)
    return np.array(route)
