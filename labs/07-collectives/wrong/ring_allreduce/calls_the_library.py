"""Lets MPI do it: the messages of MPI's own collectives are not yours."""

import numpy as np

CAUGHT = r"p=1, n=3: rank 0 called Allreduce"


def ring_allreduce(x, comm):
    total = np.empty_like(x)
    comm.Allreduce(x, total)
    return total
