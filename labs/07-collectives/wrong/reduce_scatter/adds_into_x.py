"""Adds into the pieces of np.array_split, which are views: the caller's x is changed."""

import numpy as np

CAUGHT = r"p=2, n=4: rank 0's x was changed"


def reduce_scatter(x, comm):
    p, r = comm.size, comm.rank
    chunks = np.array_split(x, p)
    for s in range(p - 1):
        give, take = (r - s - 1) % p, (r - s - 2) % p
        inbox = np.empty_like(chunks[take])
        comm.Sendrecv(chunks[give], dest=(r + 1) % p, recvbuf=inbox, source=(r - 1) % p)
        chunks[take] += inbox
    return chunks[r].copy()
