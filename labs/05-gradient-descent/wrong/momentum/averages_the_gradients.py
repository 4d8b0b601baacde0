"""Weights the new gradient by 1 - mu, as Adam's mean does: the steps are too short."""

import numpy as np

CAUGHT = r"d=1, .*mu=0.5: the gradient of update 2 was asked for"


def momentum(grad, w, lrs, mu):
    route, v = [w], np.zeros_like(w)
    for lr in lrs:
        v = mu * v + (1 - mu) * grad(w)
        w = w - lr * v
        route.append(w)
    return np.array(route)
