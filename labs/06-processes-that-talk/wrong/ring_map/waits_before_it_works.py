"""Waits for the transfer first and works afterwards: a sum, where par is a maximum."""

import numpy as np

CAUGHT = r"p=2, n=3, .* it took .* virtual time, par is"


def ring_map(block, comm, work_on):
    p, r = comm.size, comm.rank
    right, left = (r + 1) % p, (r - 1) % p
    numbers = np.empty(p)
    held, inbox = block.copy(), np.empty_like(block)
    for s in range(p - 1):
        requests = [comm.Irecv(inbox, source=left), comm.Isend(held, dest=right)]
        requests[0].Waitall(requests)
        numbers[(r - s) % p] = work_on(held)
        held, inbox = inbox, held
    numbers[(r + 1) % p] = work_on(held)
    return numbers
