"""Loops over its own losses only: the others wait for a rank that has gone home."""

import numpy as np

CAUGHT = r"the ranks have \(4, 2\) losses: deadlock: .*Allreduce.*has finished"


def mean_losses(losses, comm):
    means, total = [], np.empty(2)
    for loss in losses:
        comm.Allreduce(np.array([loss, 1.0]), total)
        means.append(total[0] / total[1])
    return np.array(means)
