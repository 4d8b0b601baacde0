"""Rank 0 tells its order first; right, and one collective more than needed."""

import numpy as np

CAUGHT = r"gradients of \(3, 3\) numbers: rank \d called Bcast"


def sums(gradients, comm):
    names = sorted(gradients)
    order = np.array([names.index(name) for name in gradients], np.int64)
    comm.Bcast(order, root=0)
    mine = {}
    for i in order:
        total = np.empty_like(gradients[names[i]])
        comm.Reduce(gradients[names[i]], total, root=int(i) % comm.size)
        if comm.rank == i % comm.size:
            mine[names[i]] = total
    return mine
