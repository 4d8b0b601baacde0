"""The last gradient says DONE, which saves a message; without a step nobody says it."""

import numpy as np

from dlpar.world import ANY_SOURCE, ANY_TAG, Status

CAUGHT = r"the ranks take \(0, 3, 1, 0\) steps: deadlock: .*rank 0|rank \d sent"
PUSH, DONE = 1, 2


def serve(weights, steps, comm, gradient):
    w, status = weights.copy(), Status()
    if comm.rank > 0:
        for s in range(steps):
            comm.Send(gradient(w), dest=0, tag=DONE if s == steps - 1 else PUSH)
            comm.Recv(w, source=0)
        return None
    g, running = np.empty_like(w), comm.size - 1
    while running > 0:
        comm.Recv(g, source=ANY_SOURCE, tag=ANY_TAG, status=status)
        running -= status.Get_tag() == DONE
        w -= g
        comm.Send(w, dest=status.Get_source())
    return w
