"""Every rank computes the whole batch: right, and not a bit sooner."""

import numpy as np

from dlpar.world import IN_PLACE

CAUGHT = r"12 gradients of examples were computed for a batch of 6"


def mean_step(w, batch, gradient, lr, comm):
    mine = batch
    g = np.zeros_like(w)
    if len(mine):
        g += 1 / comm.size * gradient(w, mine)
    comm.Allreduce(IN_PLACE, g)
    return w - lr * g
