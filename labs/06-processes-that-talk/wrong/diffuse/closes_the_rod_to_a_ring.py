"""Wraps around at the ends, where there is nothing."""

import numpy as np

CAUGHT = r"parts of \(4, 4\) elements: rank 0 returned .* at \[0\]"


def diffuse(x, steps, comm):
    p, r = comm.size, comm.rank
    left, right = (r - 1) % p, (r + 1) % p
    rod = np.zeros(x.size + 2)
    rod[1:-1] = x
    for _ in range(steps):
        comm.Sendrecv(rod[1:2], dest=left, recvbuf=rod[-1:], source=right)
        comm.Sendrecv(rod[-2:-1], dest=right, recvbuf=rod[:1], source=left)
        rod[1:-1] = (rod[:-2] + 2 * rod[1:-1] + rod[2:]) / 4
    return rod[1:-1]
