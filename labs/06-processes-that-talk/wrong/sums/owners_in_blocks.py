"""The first names to rank 0, the next to rank 1: not one after the other."""

import numpy as np

CAUGHT = r"p=3, gradients of .* numbers: the names of its sums"


def sums(gradients, comm):
    names, mine = sorted(gradients), {}
    each = -(-len(names) // comm.size)
    for i, name in enumerate(names):
        total = np.empty_like(gradients[name])
        comm.Reduce(gradients[name], total, root=i // each)
        if comm.rank == i // each:
            mine[name] = total
    return mine
