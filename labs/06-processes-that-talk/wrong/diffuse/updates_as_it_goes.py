"""Overwrites an element that its right neighbour still needs."""

import numpy as np

from dlpar.world import PROC_NULL

CAUGHT = r"parts of \(4, 4\) elements: rank 0 returned .* at \[1\]"


def diffuse(x, steps, comm):
    p, r = comm.size, comm.rank
    left = r - 1 if r > 0 else PROC_NULL
    right = r + 1 if r < p - 1 else PROC_NULL
    rod = np.zeros(x.size + 2)
    rod[1:-1] = x
    for _ in range(steps):
        comm.Sendrecv(rod[1:2], dest=left, recvbuf=rod[-1:], source=right)
        comm.Sendrecv(rod[-2:-1], dest=right, recvbuf=rod[:1], source=left)
        for i in range(1, x.size + 1):
            rod[i] = (rod[i - 1] + 2 * rod[i] + rod[i + 1]) / 4
    return rod[1:-1]
