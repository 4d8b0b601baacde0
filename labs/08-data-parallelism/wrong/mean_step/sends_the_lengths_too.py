"""Adds up the lengths in an Allreduce of their own; everybody knows the batch's."""

import numpy as np

from dlpar.world import IN_PLACE

CAUGHT = r"rank 0 called 2 collectives; par is one Allreduce"


def mean_step(w, batch, gradient, lr, comm):
    mine = np.array_split(batch, comm.size)[comm.rank]
    g, b = np.zeros_like(w), np.array([float(len(mine))])
    if len(mine):
        g += len(mine) * gradient(w, mine)
    comm.Allreduce(IN_PLACE, g)
    comm.Allreduce(IN_PLACE, b)
    return w - lr * g / b[0]
