"""Rank 0 collects, adds and sends back: right, but rank 0 talks to everybody."""

import numpy as np

CAUGHT = r"p=2, n=4: rank 0 sent 1 message, par is 2"


def ring_allreduce(x, comm):
    total = x.copy()
    if comm.rank:
        comm.Send(total, dest=0)
        comm.Recv(total, source=0)
        return total
    inbox = np.empty_like(x)
    for rank in range(1, comm.size):
        comm.Recv(inbox, source=rank)
        total += inbox
    for rank in range(1, comm.size):
        comm.Send(total, dest=rank)
    return total
