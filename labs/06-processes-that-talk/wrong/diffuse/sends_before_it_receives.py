"""Both neighbours stand in Send; it works while messages are short."""

import numpy as np

from dlpar.world import PROC_NULL

CAUGHT = r"steps=1, parts of \(4, 4\) elements: deadlock"


def diffuse(x, steps, comm):
    p, r = comm.size, comm.rank
    left = r - 1 if r > 0 else PROC_NULL
    right = r + 1 if r < p - 1 else PROC_NULL
    rod = np.zeros(x.size + 2)
    rod[1:-1] = x
    for _ in range(steps):
        comm.Send(rod[1:2], dest=left)
        comm.Send(rod[-2:-1], dest=right)
        comm.Recv(rod[:1], source=left)
        comm.Recv(rod[-1:], source=right)
        rod[1:-1] = (rod[:-2] + 2 * rod[1:-1] + rod[2:]) / 4
    return rod[1:-1]
