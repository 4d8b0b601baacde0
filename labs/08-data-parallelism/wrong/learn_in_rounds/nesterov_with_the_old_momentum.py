"""Takes the momentum of the round before for Nesterov's."""

import numpy as np

from dlpar.world import IN_PLACE

CAUGHT = r"DiLoCo, examples.*round 1: rank \d begins with"


def learn_in_rounds(w, local, rounds, comm, momentum, lr, nesterov):
    w, u = w.copy(), np.zeros_like(w)
    for k in range(rounds):
        mine = w.copy()
        examples = local(mine, k)
        brought = np.zeros(w.size + 1)
        if examples:
            brought[:-1], brought[-1] = examples * (mine - w), examples
        comm.Allreduce(IN_PLACE, brought)
        if brought[-1] == 0:
            continue
        step = lr * brought[:-1] / brought[-1]
        old, u = u, momentum * u + step
        w += step + momentum * old if nesterov else u
    return w
