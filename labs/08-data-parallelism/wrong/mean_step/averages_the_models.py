"""Steps alone, and averages the models, each rank's with the same weight."""

import numpy as np

from dlpar.world import IN_PLACE

CAUGHT = r"p=3, b=8.*rank 0 returned .* at \[0\], not"


def mean_step(w, batch, gradient, lr, comm):
    mine = np.array_split(batch, comm.size)[comm.rank]
    g = np.zeros_like(w)
    if len(mine):
        g += gradient(w, mine)
    model = (w - lr * g) / comm.size
    comm.Allreduce(IN_PLACE, model)
    return model
