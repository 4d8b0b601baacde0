"""Swaps the two buffers, and so receives into the caller's own array."""

import numpy as np

CAUGHT = r"p=3, n=1000, .*rank \d's own array was changed"


def ring_map(block, comm, work_on):
    p, r = comm.size, comm.rank
    right, left = (r + 1) % p, (r - 1) % p
    numbers = np.empty(p)
    held, inbox = block, np.empty_like(block)
    for s in range(p - 1):
        requests = [comm.Irecv(inbox, source=left), comm.Isend(held, dest=right)]
        numbers[(r - s) % p] = work_on(held)
        requests[0].Waitall(requests)
        held, inbox = inbox, held
    numbers[(r + 1) % p] = work_on(held)
    return numbers
