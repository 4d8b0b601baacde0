"""One buffer for both: what comes overwrites what is still to be sent and worked on."""

import numpy as np

CAUGHT = r"p=\d, n=\d+, .*rank \d returned"


def ring_map(block, comm, work_on):
    p, r = comm.size, comm.rank
    right, left = (r + 1) % p, (r - 1) % p
    numbers, held = np.empty(p), block.copy()
    for s in range(p - 1):
        requests = [comm.Irecv(held, source=left), comm.Isend(held, dest=right)]
        numbers[(r - s) % p] = work_on(held)
        requests[0].Waitall(requests)
    numbers[(r + 1) % p] = work_on(held)
    return numbers
