"""Sorts by what is in the gradients, which is another thing on each rank."""

import numpy as np

CAUGHT = r"gradients of .* numbers: (deadlock|your code raised MPIError)"


def sums(gradients, comm):
    owner = {name: i % comm.size for i, name in enumerate(sorted(gradients))}
    mine = {}
    for name in sorted(gradients, key=lambda name: -np.abs(gradients[name]).max()):
        total = np.empty_like(gradients[name])
        comm.Reduce(gradients[name], total, root=owner[name])
        if owner[name] == comm.rank:
            mine[name] = total
    return mine
