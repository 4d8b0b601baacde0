"""Counts p rounds where p-1 suffice: in the last one every card comes home."""

import numpy as np

CAUGHT = r"p=1, n=3: rank 0 sent 1 message, par is 0"


def ring_pass(x, comm):
    p, r = comm.size, comm.rank
    rows = np.empty((p, x.size), x.dtype)
    rows[r] = x
    for s in range(p):
        give, take = (r - s) % p, (r - s - 1) % p
        comm.Sendrecv(rows[give].copy(), dest=(r + 1) % p, recvbuf=rows[take], source=(r - 1) % p)
    return rows
