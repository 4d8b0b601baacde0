"""Reduce tells rank 0 alone: nobody else learns when all are done, or the mean."""

import numpy as np

from dlpar.world import MAX

CAUGHT = r"\(3, 3\) losses: rank 1 returned"


def mean_losses(losses, comm):
    longest, total = np.empty(1), np.zeros(2)
    comm.Allreduce(np.array([float(len(losses))]), longest, op=MAX)
    means = []
    for step in range(int(longest[0])):
        mine = np.array([losses[step], 1.0] if step < len(losses) else [0.0, 0.0])
        comm.Reduce(mine, total, root=0)
        means.append(total[0] / max(total[1], 1.0))
    return np.array(means)
