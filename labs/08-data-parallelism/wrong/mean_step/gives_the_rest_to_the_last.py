"""The last rank takes all that is left over, and the others wait for it."""

import numpy as np

from dlpar.world import IN_PLACE

CAUGHT = r"p=3, b=8.*µs of virtual time, par is .*: the largest share"


def mean_step(w, batch, gradient, lr, comm):
    k, r = len(batch) // comm.size, comm.rank
    mine = batch[r * k :] if r == comm.size - 1 else batch[r * k : (r + 1) * k]
    g = np.zeros_like(w)
    if len(mine):
        g += len(mine) / len(batch) * gradient(w, mine)
    comm.Allreduce(IN_PLACE, g)
    return w - lr * g
