"""Lets MPI do it: the messages of MPI's own collectives are not yours."""

import numpy as np

CAUGHT = r"p=2, n=4: rank 0 sent 0 messages, par is 2"


def ring_allreduce(x, comm):
    total = np.empty_like(x)
    comm.Allreduce(x, total)
    return total
