"""Applies the rate of the first update in all of them."""

import numpy as np

CAUGHT = r"d=2, .*mu=0.9: the gradient of update 3 was asked for"


def momentum(grad, w, lrs, mu):
    route, v = [w], np.zeros_like(w)
    for _ in lrs:
        v = mu * v + grad(w)
        w = w - lrs[0] * v
        route.append(w)
    return np.array(route)
