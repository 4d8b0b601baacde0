"""Sends its block to everybody directly: nobody passes anything on, and all need p inboxes."""

import numpy as np

CAUGHT = r"p=3, n=1000, .*rank 0 sent to rank 2, not its right neighbour"


def ring_map(block, comm, work_on):
    p, r = comm.size, comm.rank
    inboxes = np.empty((p, block.size))
    inboxes[r] = block
    others = [q for q in range(p) if q != r]
    requests = [comm.Irecv(inboxes[q], source=q) for q in others]
    requests += [comm.Isend(block, dest=q) for q in others]
    numbers = np.empty(p)
    numbers[r] = work_on(block)
    if requests:
        requests[0].Waitall(requests)
    for q in others:
        numbers[q] = work_on(inboxes[q])
    return numbers
