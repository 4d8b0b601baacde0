"""Moves everything by one place, k times."""

import numpy as np

CAUGHT = r"p=4, k=2, n=3: rank 0 sent 2 messages, par is 1"


def rotate(x, k, comm):
    p, r = comm.size, comm.rank
    held, inbox = x.copy(), np.empty_like(x)
    for _ in range(k % p):
        comm.Sendrecv(held, dest=(r + 1) % p, recvbuf=inbox, source=(r - 1) % p)
        held, inbox = inbox, held
    return held
