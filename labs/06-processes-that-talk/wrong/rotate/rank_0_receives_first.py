"""Breaks the circle in which rank 0 is; with p=4 and k=2 there is another."""

import numpy as np

CAUGHT = r"p=4, k=2, n=3: deadlock: .*rank 1"


def rotate(x, k, comm):
    p, r = comm.size, comm.rank
    if k % p == 0:
        return x.copy()
    inbox = np.empty_like(x)
    if r == 0:
        comm.Recv(inbox, source=(r - k) % p)
        comm.Send(x, dest=(r + k) % p)
    else:
        comm.Send(x, dest=(r + k) % p)
        comm.Recv(inbox, source=(r - k) % p)
    return inbox
