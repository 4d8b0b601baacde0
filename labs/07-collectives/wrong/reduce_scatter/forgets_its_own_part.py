"""Hands on what it takes without adding: nobody's part but the first is in the chunk."""

import numpy as np

CAUGHT = r"p=2, n=4: rank 0 returned"


def reduce_scatter(x, comm):
    p, r = comm.size, comm.rank
    chunks = np.array_split(x, p)
    partial = chunks[(r - 1) % p].copy()
    for s in range(p - 1):
        inbox = np.empty_like(chunks[(r - s - 2) % p])
        comm.Sendrecv(partial, dest=(r + 1) % p, recvbuf=inbox, source=(r - 1) % p)
        partial = inbox
    return partial
