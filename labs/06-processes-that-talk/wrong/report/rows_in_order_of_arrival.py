"""Takes reports from whoever comes and forgets to ask who it was."""

import numpy as np

from dlpar.world import ANY_SOURCE, Status

CAUGHT = r"p=4, n=2, .*losses: rank 0 returned"
LOSS, GRADIENT = 1, 2


def report(loss, gradient, comm):
    if comm.rank > 0:
        comm.Send(np.array([loss]), dest=0, tag=LOSS)
        comm.Send(gradient, dest=0, tag=GRADIENT)
        return None
    losses, gradients = np.empty(comm.size), np.empty((comm.size, gradient.size))
    losses[0], gradients[0] = loss, gradient
    status = Status()
    for r in range(1, comm.size):
        comm.Recv(losses[r : r + 1], source=ANY_SOURCE, tag=LOSS, status=status)
        comm.Recv(gradients[r], source=status.Get_source(), tag=GRADIENT)
    return losses, gradients
