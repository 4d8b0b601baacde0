"""Adds k, and there is no such rank."""

import numpy as np

CAUGHT = r"p=4, k=2, n=3: "


def rotate(x, k, comm):
    if comm.size == 1:
        return x.copy()
    inbox = np.empty_like(x)
    comm.Sendrecv(x, dest=comm.rank + k, recvbuf=inbox, source=comm.rank - k)
    return inbox
