"""Makes the inbox as long as the chunk that goes; the chunk that comes may be longer."""

import numpy as np

CAUGHT = r"p=3, n=7: your code raised"


def reduce_scatter(x, comm):
    p, r = comm.size, comm.rank
    chunks = np.array_split(x, p)
    partial = chunks[(r - 1) % p].copy()
    for s in range(p - 1):
        mine = chunks[(r - s - 2) % p]
        inbox = np.empty_like(partial)
        comm.Sendrecv(partial, dest=(r + 1) % p, recvbuf=inbox, source=(r - 1) % p)
        partial = inbox + mine
    return partial
