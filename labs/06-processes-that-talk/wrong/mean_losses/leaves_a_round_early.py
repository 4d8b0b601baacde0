"""Leaves right after its last loss if it sees itself alone; the last word is never said."""

import numpy as np

CAUGHT = r"\(4, 2\) losses: deadlock"


def mean_losses(losses, comm):
    means, total = [], np.empty(2)
    step = 0
    while True:
        mine = np.array([losses[step], 1.0] if step < len(losses) else [0.0, 0.0])
        comm.Allreduce(mine, total)
        if total[1] == 0:
            return np.array(means)
        means.append(total[0] / total[1])
        step += 1
        if step == len(losses) and total[1] == 1:
            return np.array(means)
