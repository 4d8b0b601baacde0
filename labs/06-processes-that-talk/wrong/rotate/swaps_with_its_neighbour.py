"""Exchanges with rank r + k, as if who gets its array also had the one for it."""

import numpy as np

CAUGHT = r"p=5, k=1, n=1000: (deadlock|rank 0 returned)"


def rotate(x, k, comm):
    p, r = comm.size, comm.rank
    if k % p == 0:
        return x.copy()
    inbox, other = np.empty_like(x), (r + k) % p
    comm.Sendrecv(x, dest=other, recvbuf=inbox, source=other)
    return inbox
