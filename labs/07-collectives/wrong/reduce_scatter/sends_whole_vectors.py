"""Sums whole vectors round the ring and cuts its chunk at the end: right, and p times the bytes."""

import numpy as np

CAUGHT = r"p=2, n=4: rank 0 sent a message of 32 bytes, par is 16"


def reduce_scatter(x, comm):
    p, r = comm.size, comm.rank
    total, passing = x.copy(), x.copy()
    for _ in range(p - 1):
        inbox = np.empty_like(x)
        comm.Sendrecv(passing, dest=(r + 1) % p, recvbuf=inbox, source=(r - 1) % p)
        total += inbox
        passing = inbox
    return np.array_split(total, p)[r]
