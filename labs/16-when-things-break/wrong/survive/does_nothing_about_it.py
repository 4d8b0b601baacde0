"""The loop of before: it ends with the first death."""

from dlpar.collectives import ring_allreduce

CAUGHT = r"raised MPIError"


def survive(comm, w, steps, gradient):
    w = w.copy()
    for t in range(steps):
        w -= ring_allreduce(gradient(w, t, comm.rank, comm.size), comm)
    return w
