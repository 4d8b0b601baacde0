"""Gives its own card in every round: only the left neighbour's card is ever seen."""

import numpy as np

CAUGHT = r"p=3, n=6: rank 0 returned .* at \[1, "


def ring_pass(x, comm):
    p, r = comm.size, comm.rank
    rows = np.empty((p, x.size), x.dtype)
    rows[r] = x
    for s in range(p - 1):
        take = (r - s - 1) % p
        comm.Sendrecv(rows[r], dest=(r + 1) % p, recvbuf=rows[take], source=(r - 1) % p)
    return rows
