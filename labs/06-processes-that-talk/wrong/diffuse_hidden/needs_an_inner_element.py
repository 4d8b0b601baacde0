"""Takes it for granted that there are two edges: a part of one element is both."""

import numpy as np

from dlpar.world import PROC_NULL

CAUGHT = r"n=1, .*(rank \d updated|rank \d returned|your code raised|update needs)"


def diffuse_hidden(x, steps, comm, update):
    p, r, n = comm.size, comm.rank, x.size
    left = r - 1 if r > 0 else PROC_NULL
    right = r + 1 if r < p - 1 else PROC_NULL
    rod = np.zeros(n + 2)
    rod[1:-1] = x
    for _ in range(steps):
        requests = [comm.Irecv(rod[:1], source=left), comm.Irecv(rod[-1:], source=right)]
        requests += [comm.Isend(rod[1:2], dest=left), comm.Isend(rod[-2:-1], dest=right)]
        new = np.zeros(n + 2)
        if n > 2:
            new[2:-2] = update(rod[1:-1])
        requests[0].Waitall(requests)
        new[1:2] = update(rod[:3])
        new[-2:-1] = update(rod[-3:])
        rod = new
    return rod[1:-1]
