"""Sends its whole part where one number is needed."""

import numpy as np

from dlpar.world import PROC_NULL, Status

CAUGHT = r"parts of \(4, 4\) elements: rank 1 sent a message of 32 bytes, par is 8"


def diffuse(x, steps, comm):
    p, r = comm.size, comm.rank
    left = r - 1 if r > 0 else PROC_NULL
    right = r + 1 if r < p - 1 else PROC_NULL
    x = x.copy()
    for _ in range(steps):
        from_left, from_right = np.zeros(100), np.zeros(100)
        status = Status()
        comm.Sendrecv(x, dest=left, recvbuf=from_right, source=right)
        comm.Sendrecv(x, dest=right, recvbuf=from_left, source=left, status=status)
        last = status.Get_count(8) - 1 if r > 0 else 0
        rod = np.concatenate([from_left[last : last + 1], x, from_right[:1]])
        x = (rod[:-2] + 2 * rod[1:-1] + rod[2:]) / 4
    return x
