"""Catches the death, and makes the step with its own gradient."""

from dlpar.collectives import ring_allreduce
from dlpar.world import MPIError

CAUGHT = r"returned|deadlock|share"


def survive(comm, w, steps, gradient):
    w = w.copy()
    for t in range(steps):
        mine = gradient(w, t, comm.rank, comm.size)
        try:
            w -= ring_allreduce(mine, comm)
        except MPIError:
            w -= mine
    return w
