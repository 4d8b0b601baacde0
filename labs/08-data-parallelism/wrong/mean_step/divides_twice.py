"""Weights the parts, and divides their sum by p as well."""

import numpy as np

from dlpar.world import IN_PLACE

CAUGHT = r"p=2, b=6.*rank 0 returned .* at \[0\], not"


def mean_step(w, batch, gradient, lr, comm):
    mine = np.array_split(batch, comm.size)[comm.rank]
    g = np.zeros_like(w)
    if len(mine):
        g += len(mine) / len(batch) * gradient(w, mine)
    comm.Allreduce(IN_PLACE, g)
    return w - lr * g / comm.size
