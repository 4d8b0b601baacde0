"""Exchanges the halos before the loop; from the second step on they are stale."""

import numpy as np

from dlpar.world import PROC_NULL

CAUGHT = r"steps=3, parts of \(5, 3, 4\) elements: rank 0 returned"


def diffuse(x, steps, comm):
    p, r = comm.size, comm.rank
    left = r - 1 if r > 0 else PROC_NULL
    right = r + 1 if r < p - 1 else PROC_NULL
    rod = np.zeros(x.size + 2)
    rod[1:-1] = x
    comm.Sendrecv(rod[1:2], dest=left, recvbuf=rod[-1:], source=right)
    comm.Sendrecv(rod[-2:-1], dest=right, recvbuf=rod[:1], source=left)
    for _ in range(steps):
        rod[1:-1] = (rod[:-2] + 2 * rod[1:-1] + rod[2:]) / 4
    return rod[1:-1]
