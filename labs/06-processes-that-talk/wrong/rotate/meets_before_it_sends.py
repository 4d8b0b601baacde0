"""Puts a Barrier before the Send, which changes when they hang, not whether."""

import numpy as np

CAUGHT = r"p=4, k=2, n=3: deadlock"


def rotate(x, k, comm):
    p, r = comm.size, comm.rank
    if k % p == 0:
        return x.copy()
    inbox = np.empty_like(x)
    comm.Barrier()
    comm.Send(x, dest=(r + k) % p)
    comm.Recv(inbox, source=(r - k) % p)
    return inbox
