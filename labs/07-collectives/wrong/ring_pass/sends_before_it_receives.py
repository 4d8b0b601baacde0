"""A blocking Send by everybody, then a Recv by nobody: works only while messages are eager."""

import numpy as np

CAUGHT = r"p=2, n=4: deadlock: .*rank 0 waits for rank 1"


def ring_pass(x, comm):
    p, r = comm.size, comm.rank
    rows = np.empty((p, x.size), x.dtype)
    rows[r] = x
    for s in range(p - 1):
        comm.Send(rows[(r - s) % p], dest=(r + 1) % p)
        comm.Recv(rows[(r - s - 1) % p], source=(r - 1) % p)
    return rows
