"""Keeps the same inbox in the list in every round: all rows show the card that came last."""

import numpy as np

CAUGHT = r"p=3, n=6: rank 0 returned"


def ring_pass(x, comm):
    p, r = comm.size, comm.rank
    inbox, passing = np.empty_like(x), x.copy()
    rows = [x] * p
    for s in range(p - 1):
        comm.Sendrecv(passing, dest=(r + 1) % p, recvbuf=inbox, source=(r - 1) % p)
        passing[:] = inbox
        rows[(r - s - 1) % p] = inbox
    return np.array(rows)
