"""Starts the transfer when the work is done: nothing is hidden."""

import numpy as np

CAUGHT = r"p=2, n=3, .* it took .* virtual time, par is"


def ring_map(block, comm, work_on):
    p, r = comm.size, comm.rank
    right, left = (r + 1) % p, (r - 1) % p
    numbers = np.empty(p)
    held, inbox = block.copy(), np.empty_like(block)
    for s in range(p - 1):
        numbers[(r - s) % p] = work_on(held)
        comm.Sendrecv(held, dest=right, recvbuf=inbox, source=left)
        held, inbox = inbox, held
    numbers[(r + 1) % p] = work_on(held)
    return numbers
