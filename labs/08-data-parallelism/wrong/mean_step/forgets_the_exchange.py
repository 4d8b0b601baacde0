"""Every rank makes a step of its own: the models part at once."""

import numpy as np

CAUGHT = r"p=2, b=6.*rank 0 returned .* at \[0\], not"


def mean_step(w, batch, gradient, lr, comm):
    mine = np.array_split(batch, comm.size)[comm.rank]
    g = np.zeros_like(w)
    if len(mine):
        g += len(mine) / len(batch) * gradient(w, mine)
    return w - lr * g
