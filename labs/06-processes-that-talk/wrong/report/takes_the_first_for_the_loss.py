"""Sends the gradient first, without waiting; who receives asks for no tag."""

import numpy as np

CAUGHT = r"rank 0 returned|deadlock|MPIError"
LOSS, GRADIENT = 1, 2


def report(loss, gradient, comm):
    if comm.rank > 0:
        both = [comm.Isend(gradient, dest=0, tag=GRADIENT)]
        both.append(comm.Isend(np.array([loss]), dest=0, tag=LOSS))
        both[0].Waitall(both)
        return None
    losses, gradients = np.empty(comm.size), np.empty((comm.size, gradient.size))
    losses[0], gradients[0] = loss, gradient
    for r in range(1, comm.size):
        comm.Recv(losses[r : r + 1], source=r)
        comm.Recv(gradients[r], source=r)
    return losses, gradients
