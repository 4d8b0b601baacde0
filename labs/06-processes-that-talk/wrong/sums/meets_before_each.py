"""Barriers between the Reduces: all meet, and then call different ones."""

import numpy as np

CAUGHT = r"p=2, gradients of \(3, 3\) numbers: deadlock: .*Reduce"


def sums(gradients, comm):
    owner = {name: i % comm.size for i, name in enumerate(sorted(gradients))}
    mine = {}
    for name, gradient in gradients.items():
        comm.Barrier()
        total = np.empty_like(gradient)
        comm.Reduce(gradient, total, root=owner[name])
        if owner[name] == comm.rank:
            mine[name] = total
    return mine
