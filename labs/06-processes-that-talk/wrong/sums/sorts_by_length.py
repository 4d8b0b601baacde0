"""Short gradients first: those of one length stay in each rank's own order."""

import numpy as np

CAUGHT = r"p=2, gradients of \(3, 3\) numbers: deadlock"


def sums(gradients, comm):
    owner = {name: i % comm.size for i, name in enumerate(sorted(gradients))}
    mine = {}
    for name in sorted(gradients, key=lambda name: gradients[name].size):
        total = np.empty_like(gradients[name])
        comm.Reduce(gradients[name], total, root=owner[name])
        if owner[name] == comm.rank:
            mine[name] = total
    return mine
