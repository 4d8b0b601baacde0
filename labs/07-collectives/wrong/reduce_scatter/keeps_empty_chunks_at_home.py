"""Saves the messages of empty chunks, so where n < p the ranks no longer send the same number."""

import numpy as np

CAUGHT = r"p=3, n=2: rank 0 sent 1 message, par is 2"


def reduce_scatter(x, comm):
    p, r = comm.size, comm.rank
    chunks = np.array_split(x, p)
    partial = chunks[(r - 1) % p].copy()
    for s in range(p - 1):
        mine = chunks[(r - s - 2) % p]
        inbox = np.empty_like(mine)
        requests = []
        if partial.size:
            requests.append(comm.Isend(partial, dest=(r + 1) % p))
        if inbox.size:
            requests.append(comm.Irecv(inbox, source=(r - 1) % p))
        for request in requests:
            request.Wait()
        partial = inbox + mine
    return partial
