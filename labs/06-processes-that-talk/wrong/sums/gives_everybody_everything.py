"""Allreduce in the right order: every rank pays for sums that it throws away."""

import numpy as np

CAUGHT = r"gradients of \(3, 3\) numbers: rank \d called Allreduce"


def sums(gradients, comm):
    mine = {}
    for i, name in enumerate(sorted(gradients)):
        total = np.empty_like(gradients[name])
        comm.Allreduce(gradients[name], total)
        if comm.rank == i % comm.size:
            mine[name] = total
    return mine
