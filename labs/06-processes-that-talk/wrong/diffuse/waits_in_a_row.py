"""Mended by good manners: from rank 0 on, one after the other. No deadlock, no speed."""

import numpy as np

from dlpar.world import PROC_NULL

CAUGHT = r"parts of .*virtual time, par is"


def diffuse(x, steps, comm):
    p, r = comm.size, comm.rank
    left = r - 1 if r > 0 else PROC_NULL
    right = r + 1 if r < p - 1 else PROC_NULL
    rod = np.zeros(x.size + 2)
    rod[1:-1] = x
    for _ in range(steps):
        comm.Recv(rod[:1], source=left)
        comm.Send(rod[-2:-1], dest=right)
        comm.Recv(rod[-1:], source=right)
        comm.Send(rod[1:2], dest=left)
        rod[1:-1] = (rod[:-2] + 2 * rod[1:-1] + rod[2:]) / 4
    return rod[1:-1]
