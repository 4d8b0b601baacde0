"""Writes the inner values over the old ones: the edges then see new neighbours."""

import numpy as np

from dlpar.world import PROC_NULL

CAUGHT = r"p=3, n=10, 3 steps, 1 µs an element: rank 0 returned"


def diffuse_hidden(x, steps, comm, update):
    p, r, n = comm.size, comm.rank, x.size
    left = r - 1 if r > 0 else PROC_NULL
    right = r + 1 if r < p - 1 else PROC_NULL
    rod = np.zeros(n + 2)
    rod[1:-1] = x
    for _ in range(steps):
        requests = [comm.Irecv(rod[:1], source=left), comm.Irecv(rod[-1:], source=right)]
        requests += [comm.Isend(rod[1:2], dest=left), comm.Isend(rod[-2:-1], dest=right)]
        if n > 2:
            rod[2:-2] = update(rod[1:-1])
        requests[0].Waitall(requests)
        first, last = update(rod[:3]), update(rod[-3:])
        rod[1:2], rod[-2:-1] = first, last
    return rod[1:-1]
