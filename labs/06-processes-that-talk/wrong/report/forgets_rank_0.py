"""Collects what came by message; rank 0's own numbers never travel."""

import numpy as np

CAUGHT = r"p=2, n=3, .*losses: rank 0 returned 0.0 at \[0\]"
LOSS, GRADIENT = 1, 2


def report(loss, gradient, comm):
    if comm.rank > 0:
        comm.Send(np.array([loss]), dest=0, tag=LOSS)
        comm.Send(gradient, dest=0, tag=GRADIENT)
        return None
    losses, gradients = np.zeros(comm.size), np.zeros((comm.size, gradient.size))
    for r in range(1, comm.size):
        comm.Recv(losses[r : r + 1], source=r, tag=LOSS)
        comm.Recv(gradients[r], source=r, tag=GRADIENT)
    return losses, gradients
