"""Whoever has gone home still counts in the mean, with a loss of 0."""

import numpy as np

CAUGHT = r"\(4, 2\) losses: rank 0 returned .* at \[2\]"


def mean_losses(losses, comm):
    means, total, step = [], np.empty(2), 0
    while True:
        mine = np.array([losses[step], 1.0] if step < len(losses) else [0.0, 0.0])
        comm.Allreduce(mine, total)
        if total[1] == 0:
            return np.array(means)
        means.append(total[0] / comm.size)
        step += 1
