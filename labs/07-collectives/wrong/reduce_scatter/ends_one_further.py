"""Begins with chunk r, as one would: then rank r ends with chunk r+1."""

import numpy as np

CAUGHT = r"p=2, n=4: rank 0 returned"


def reduce_scatter(x, comm):
    p, r = comm.size, comm.rank
    chunks = np.array_split(x, p)
    partial = chunks[r].copy()
    for s in range(p - 1):
        mine = chunks[(r - s - 1) % p]
        inbox = np.empty_like(mine)
        comm.Sendrecv(partial, dest=(r + 1) % p, recvbuf=inbox, source=(r - 1) % p)
        partial = inbox + mine
    return partial
