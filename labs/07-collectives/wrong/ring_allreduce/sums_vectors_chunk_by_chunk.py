"""Passes every rank's raw chunks on and adds at home: each rank adds in an order of its own."""

import numpy as np

CAUGHT = r"p=3, n=6: rank 0 sent 6 messages, par is 4"


def ring_allreduce(x, comm):
    p, r = comm.size, comm.rank
    total = x.copy()
    for mine in np.array_split(total, p):
        passing = mine.copy()
        for _ in range(p - 1):
            inbox = np.empty_like(mine)
            comm.Sendrecv(passing, dest=(r + 1) % p, recvbuf=inbox, source=(r - 1) % p)
            mine += inbox
            passing = inbox
    return total
