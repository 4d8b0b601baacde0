"""Deals the names out in its own order: two ranks own one name, and none another."""

import numpy as np

CAUGHT = r"gradients of .* numbers: (deadlock|the names of its sums)"


def sums(gradients, comm):
    owner = {name: i % comm.size for i, name in enumerate(gradients)}
    mine = {}
    for name in sorted(gradients):
        total = np.empty_like(gradients[name])
        comm.Reduce(gradients[name], total, root=owner[name])
        if owner[name] == comm.rank:
            mine[name] = total
    return mine
