"""Forgets u from round to round."""

import numpy as np

from dlpar.world import IN_PLACE

CAUGHT = r"block momentum.*round 2: rank \d begins with"


def learn_in_rounds(w, local, rounds, comm, momentum, lr, nesterov):
    w, u = w.copy(), np.zeros_like(w)
    for k in range(rounds):
        u = np.zeros_like(w)
        mine = w.copy()
        examples = local(mine, k)
        brought = np.zeros(w.size + 1)
        if examples:
            brought[:-1], brought[-1] = examples * (mine - w), examples
        comm.Allreduce(IN_PLACE, brought)
        if brought[-1] == 0:
            continue
        step = lr * brought[:-1] / brought[-1]
        u = momentum * u + step
        w += step + momentum * u if nesterov else u
    return w
