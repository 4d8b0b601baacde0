"""p steps: in the last one every block comes home, which nobody needs."""

import numpy as np

CAUGHT = r"p=2, n=3, .*rank 0 sent 2 messages, par is 1"


def ring_map(block, comm, work_on):
    p, r = comm.size, comm.rank
    right, left = (r + 1) % p, (r - 1) % p
    numbers = np.empty(p)
    held, inbox = block.copy(), np.empty_like(block)
    for s in range(p):
        requests = [comm.Irecv(inbox, source=left), comm.Isend(held, dest=right)]
        numbers[(r - s) % p] = work_on(held)
        requests[0].Waitall(requests)
        held, inbox = inbox, held
    return numbers
