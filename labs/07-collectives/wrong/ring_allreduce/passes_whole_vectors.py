"""The naive allreduce: right, with p-1 messages of n elements each."""

import numpy as np

CAUGHT = r"p=2, n=4: rank 0 sent 1 message, par is 2"


def ring_allreduce(x, comm):
    p, r = comm.size, comm.rank
    total, passing = x.copy(), x.copy()
    for _ in range(p - 1):
        inbox = np.empty_like(x)
        comm.Sendrecv(passing, dest=(r + 1) % p, recvbuf=inbox, source=(r - 1) % p)
        total += inbox
        passing = inbox
    return total
