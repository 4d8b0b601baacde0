"""Mends it by renaming: the loss travels as GRADIENT, the gradient as LOSS."""

import numpy as np

CAUGHT = r"p=2, n=3, .*rank 1 sent 8 bytes with tag 2"
LOSS, GRADIENT = 1, 2


def report(loss, gradient, comm):
    if comm.rank > 0:
        comm.Send(np.array([loss]), dest=0, tag=GRADIENT)
        comm.Send(gradient, dest=0, tag=LOSS)
        return None
    losses, gradients = np.empty(comm.size), np.empty((comm.size, gradient.size))
    losses[0], gradients[0] = loss, gradient
    for r in range(1, comm.size):
        comm.Recv(losses[r : r + 1], source=r, tag=GRADIENT)
        comm.Recv(gradients[r], source=r, tag=LOSS)
    return losses, gradients
