"""Asks who is still there, and then adds the losses: twice as many collectives."""

import numpy as np

CAUGHT = r"\(3, 3\) losses: each rank called 7 collectives in 3 steps, par is 4"


def mean_losses(losses, comm):
    means, there, total, step = [], np.empty(1), np.empty(1), 0
    while True:
        mine = step < len(losses)
        comm.Allreduce(np.array([float(mine)]), there)
        if there[0] == 0:
            return np.array(means)
        comm.Allreduce(np.array([losses[step] if mine else 0.0]), total)
        means.append(total[0] / there[0])
        step += 1
