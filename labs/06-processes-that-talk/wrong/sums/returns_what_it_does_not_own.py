"""Returns a sum for each name, and most of them are what lay in memory."""

import numpy as np

CAUGHT = r"gradients of \(3, 3\) numbers: the names of its sums: rank 0 returned"


def sums(gradients, comm):
    totals = {name: np.zeros_like(gradients[name]) for name in sorted(gradients)}
    for i, (name, total) in enumerate(totals.items()):
        comm.Reduce(gradients[name], total, root=i % comm.size)
    return totals
