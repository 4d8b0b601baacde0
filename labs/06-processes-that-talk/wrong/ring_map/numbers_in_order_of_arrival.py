"""Writes the numbers down as they come, and not in the place of their rank."""

import numpy as np

CAUGHT = r"p=2, n=3, .*rank 1 returned .* at \[0\]"


def ring_map(block, comm, work_on):
    p, r = comm.size, comm.rank
    right, left = (r + 1) % p, (r - 1) % p
    numbers = np.empty(p)
    held, inbox = block.copy(), np.empty_like(block)
    for s in range(p - 1):
        requests = [comm.Irecv(inbox, source=left), comm.Isend(held, dest=right)]
        numbers[s] = work_on(held)
        requests[0].Waitall(requests)
        held, inbox = inbox, held
    numbers[p - 1] = work_on(held)
    return numbers
