"""Sums at rank 0 and sends the sum back: two collectives for one."""

import numpy as np

CAUGHT = r"rank 0 called Reduce; par is one Allreduce"


def mean_step(w, batch, gradient, lr, comm):
    mine = np.array_split(batch, comm.size)[comm.rank]
    g = np.zeros_like(w)
    if len(mine):
        g += len(mine) / len(batch) * gradient(w, mine)
    total = np.zeros_like(w)
    comm.Reduce(g, total, root=0)
    comm.Bcast(total, root=0)
    return w - lr * total
