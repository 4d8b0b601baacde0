"""The mean of the means is the batch's only if all shares are equally long."""

import numpy as np

from dlpar.world import IN_PLACE

CAUGHT = r"p=3, b=8.*rank 0 returned .* at \[0\], not"


def mean_step(w, batch, gradient, lr, comm):
    mine = np.array_split(batch, comm.size)[comm.rank]
    g = np.zeros_like(w)
    if len(mine):
        g += 1 / comm.size * gradient(w, mine)
    comm.Allreduce(IN_PLACE, g)
    return w - lr * g
