"""Agrees on the shortest number of steps, and throws the other losses away."""

import numpy as np

from dlpar.world import MIN

CAUGHT = r"\(4, 2\) losses: rank 0 returned shape \(2,\), not \(4,\)"


def mean_losses(losses, comm):
    steps, total = np.empty(1), np.empty(1)
    comm.Allreduce(np.array([float(len(losses))]), steps, op=MIN)
    means = []
    for step in range(int(steps[0])):
        comm.Allreduce(losses[step : step + 1], total)
        means.append(total[0] / comm.size)
    return np.array(means)
