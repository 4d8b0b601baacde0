"""Steps in place: the caller's weights are gone."""

import numpy as np

CAUGHT = r"d=1, .*mu=0.5: the w that you were given was changed"


def momentum(grad, w, lrs, mu):
    route, v = [w.copy()], np.zeros_like(w)
    for lr in lrs:
        v = mu * v + grad(w)
        w -= lr * v
        route.append(w.copy())
    return np.array(route)
