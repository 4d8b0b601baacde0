"""One message is shorter, but who waits for a LOSS or a GRADIENT finds neither."""

import numpy as np

CAUGHT = r"p=2, n=3, .*rank 1 sent 1 message, par is 2"
LOSS, GRADIENT = 1, 2


def report(loss, gradient, comm):
    both = np.append(loss, gradient)
    if comm.rank > 0:
        comm.Send(both, dest=0, tag=LOSS)
        return None
    rows = np.empty((comm.size, both.size))
    rows[0] = both
    for r in range(1, comm.size):
        comm.Recv(rows[r], source=r, tag=LOSS)
    return rows[:, 0].copy(), rows[:, 1:].copy()
