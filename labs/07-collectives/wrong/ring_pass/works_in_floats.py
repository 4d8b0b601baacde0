"""np.empty makes floats unless it is told otherwise: integers come back as float64."""

import numpy as np

CAUGHT = r"int64 beyond the floats: rank 0 returned float64 for int64"


def ring_pass(x, comm):
    p, r = comm.size, comm.rank
    rows = np.empty((p, x.size))
    rows[r] = x
    for s in range(p - 1):
        give, take = (r - s) % p, (r - s - 1) % p
        comm.Sendrecv(rows[give], dest=(r + 1) % p, recvbuf=rows[take], source=(r - 1) % p)
    return rows
