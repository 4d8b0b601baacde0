"""Takes b // p examples a rank: the last b % p are never used."""

import numpy as np

from dlpar.world import IN_PLACE

CAUGHT = r"p=3, b=8.*rank 0 returned .* at \[0\], not"


def mean_step(w, batch, gradient, lr, comm):
    k = len(batch) // comm.size
    mine = batch[comm.rank * k : (comm.rank + 1) * k]
    g = np.zeros_like(w)
    if len(mine):
        g += len(mine) / len(batch) * gradient(w, mine)
    comm.Allreduce(IN_PLACE, g)
    return w - lr * g
