"""Starts the second half as if rank r owned chunk r+1: unfinished chunks go round."""

import numpy as np

from dlpar.collectives import ring_reduce_scatter

CAUGHT = r"p=2, n=4: rank 0 returned"


def ring_allreduce(x, comm):
    p, r = comm.size, comm.rank
    total = x.copy()
    chunks = np.array_split(total, p)
    chunks[r][:] = ring_reduce_scatter(x, comm)
    for s in range(p - 1):
        give, take = (r + 1 - s) % p, (r - s) % p
        comm.Sendrecv(chunks[give], dest=(r + 1) % p, recvbuf=chunks[take], source=(r - 1) % p)
    return total
