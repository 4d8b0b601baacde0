"""Lets the finished chunks go round until they are home again: one message more than needed."""

import numpy as np

from dlpar.collectives import ring_reduce_scatter

CAUGHT = r"p=1, n=3: rank 0 sent 1 message, par is 0"


def ring_allreduce(x, comm):
    p, r = comm.size, comm.rank
    total = np.empty_like(x)
    chunks = np.array_split(total, p)
    chunks[r][:] = ring_reduce_scatter(x, comm)
    for s in range(p):
        give, take = (r - s) % p, (r - s - 1) % p
        comm.Sendrecv(chunks[give].copy(), (r + 1) % p, recvbuf=chunks[take], source=(r - 1) % p)
    return total
