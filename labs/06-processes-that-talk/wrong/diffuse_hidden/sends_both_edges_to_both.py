"""Sends its first and last element together, 16 bytes to each neighbour."""

import numpy as np

from dlpar.world import PROC_NULL

CAUGHT = r"p=3, n=10, 3 steps, 1 µs an element: rank 0 sent a message of 16 bytes"


def diffuse_hidden(x, steps, comm, update):
    p, r, n = comm.size, comm.rank, x.size
    left = r - 1 if r > 0 else PROC_NULL
    right = r + 1 if r < p - 1 else PROC_NULL
    rod = np.zeros(n + 2)
    rod[1:-1] = x
    for _ in range(steps):
        ends = np.array([rod[1], rod[-2]])
        from_left, from_right = np.zeros(2), np.zeros(2)
        requests = [comm.Irecv(from_left, source=left), comm.Irecv(from_right, source=right)]
        requests += [comm.Isend(ends, dest=left), comm.Isend(ends, dest=right)]
        new = np.zeros(n + 2)
        if n > 2:
            new[2:-2] = update(rod[1:-1])
        requests[0].Waitall(requests)
        rod[0], rod[-1] = from_left[1], from_right[0]
        new[1:2] = update(rod[:3])
        if n > 1:
            new[-2:-1] = update(rod[-3:])
        rod = new
    return rod[1:-1]
