"""Even ranks send first, odd ones receive: an even k joins even ranks only."""

import numpy as np

CAUGHT = r"p=4, k=2, n=3: deadlock"


def rotate(x, k, comm):
    p, r = comm.size, comm.rank
    if k % p == 0:
        return x.copy()
    inbox = np.empty_like(x)
    if r % 2 == 0:
        comm.Send(x, dest=(r + k) % p)
        comm.Recv(inbox, source=(r - k) % p)
    else:
        comm.Recv(inbox, source=(r - k) % p)
        comm.Send(x, dest=(r + k) % p)
    return inbox
