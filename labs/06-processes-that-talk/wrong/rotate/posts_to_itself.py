"""Sends an array that stays at home."""

import numpy as np

CAUGHT = r"p=1, k=1, n=4: rank 0 sent 1 message, par is 0"


def rotate(x, k, comm):
    p, r = comm.size, comm.rank
    inbox = np.empty_like(x)
    comm.Sendrecv(x, dest=(r + k) % p, recvbuf=inbox, source=(r - k) % p)
    return inbox
