"""Goes round the other way: the rows are right, but the messages go to the left neighbour."""

import numpy as np

CAUGHT = r"p=3, n=6: rank 0 sent to rank 2; in a ring it sends to rank 1 only"


def ring_pass(x, comm):
    p, r = comm.size, comm.rank
    rows = np.empty((p, x.size), x.dtype)
    rows[r] = x
    for s in range(p - 1):
        give, take = (r + s) % p, (r + s + 1) % p
        comm.Sendrecv(rows[give], dest=(r - 1) % p, recvbuf=rows[take], source=(r + 1) % p)
    return rows
