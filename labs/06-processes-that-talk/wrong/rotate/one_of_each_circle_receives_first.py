"""Breaks every circle, and makes it a row in which each waits for the one before."""

import numpy as np

CAUGHT = r"p=4, k=2, n=3: it took .* virtual time, par is"


def rotate(x, k, comm):
    p, r = comm.size, comm.rank
    if k % p == 0:
        return x.copy()
    inbox = np.empty_like(x)
    if r < np.gcd(k, p):
        comm.Recv(inbox, source=(r - k) % p)
        comm.Send(x, dest=(r + k) % p)
    else:
        comm.Send(x, dest=(r + k) % p)
        comm.Recv(inbox, source=(r - k) % p)
    return inbox
