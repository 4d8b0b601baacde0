"""Moves k places back; with two ranks a circle nobody sees it."""

import numpy as np

CAUGHT = r"p=5, k=1, n=1000: rank 0 returned"


def rotate(x, k, comm):
    p, r = comm.size, comm.rank
    if k % p == 0:
        return x.copy()
    inbox = np.empty_like(x)
    comm.Sendrecv(x, dest=(r - k) % p, recvbuf=inbox, source=(r + k) % p)
    return inbox
