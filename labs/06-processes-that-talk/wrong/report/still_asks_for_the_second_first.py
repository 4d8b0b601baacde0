"""Leaves the two receives as they are: each waits for a message behind another."""

import numpy as np

CAUGHT = r"p=2, n=3, .*deadlock: .*rank 1 waits"
LOSS, GRADIENT = 1, 2


def report(loss, gradient, comm):
    if comm.rank > 0:
        comm.Send(np.array([loss]), dest=0, tag=LOSS)
        comm.Send(gradient, dest=0, tag=GRADIENT)
        return None
    losses, gradients = np.empty(comm.size), np.empty((comm.size, gradient.size))
    losses[0], gradients[0] = loss, gradient
    for r in range(1, comm.size):
        comm.Recv(gradients[r], source=r, tag=GRADIENT)
        comm.Recv(losses[r : r + 1], source=r, tag=LOSS)
    return losses, gradients
