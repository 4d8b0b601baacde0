"""Asks for the gradient of an empty share."""

import numpy as np

from dlpar.world import IN_PLACE

CAUGHT = r"p=4, b=2.*ValueError: the mean gradient of no example"


def mean_step(w, batch, gradient, lr, comm):
    mine = np.array_split(batch, comm.size)[comm.rank]
    g = np.zeros_like(w)
    g += len(mine) / len(batch) * gradient(w, mine)
    comm.Allreduce(IN_PLACE, g)
    return w - lr * g
