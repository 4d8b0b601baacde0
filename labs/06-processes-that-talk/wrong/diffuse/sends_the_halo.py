"""Is off by one: sends the halo, which it got itself, in place of its own end."""

import numpy as np

from dlpar.world import PROC_NULL

CAUGHT = r"parts of \(4, 4\) elements: rank 0 returned .* at \[3\]"


def diffuse(x, steps, comm):
    p, r = comm.size, comm.rank
    left = r - 1 if r > 0 else PROC_NULL
    right = r + 1 if r < p - 1 else PROC_NULL
    rod = np.zeros(x.size + 2)
    rod[1:-1] = x
    for _ in range(steps):
        comm.Sendrecv(rod[0:1], dest=left, recvbuf=rod[-1:], source=right)
        comm.Sendrecv(rod[-1:], dest=right, recvbuf=rod[:1], source=left)
        rod[1:-1] = (rod[:-2] + 2 * rod[1:-1] + rod[2:]) / 4
    return rod[1:-1]
