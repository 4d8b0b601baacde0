"""Takes a gradient from every worker before it answers: who takes more steps is lost."""

import numpy as np

from dlpar.world import ANY_TAG, Status

CAUGHT = r"the ranks take \(0, 3, 1, 0\) steps: |the ranks take \(0, 2, 2\) steps: "
PUSH, DONE = 1, 2


def serve(weights, steps, comm, gradient):
    w, status = weights.copy(), Status()
    if comm.rank > 0:
        for _ in range(steps):
            comm.Send(gradient(w), dest=0, tag=PUSH)
            comm.Recv(w, source=0)
        comm.Send(np.empty(0), dest=0, tag=DONE)
        return None
    g, workers = np.empty_like(w), list(range(1, comm.size))
    while workers:
        came = []
        for worker in workers:
            comm.Recv(g, source=worker, tag=ANY_TAG, status=status)
            if status.Get_tag() == PUSH:
                w -= g
                came.append(worker)
        for worker in came:
            comm.Send(w, dest=worker)
        workers = came
    return w
