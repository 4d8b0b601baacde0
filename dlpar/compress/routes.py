"""Ways of messages between ranks that all send something, of sizes that all can compute."""

import numpy as np


def from_all(messages, comm):
    """Return what every rank has for this one, in the order of ranks; all of one size."""
    p, r = comm.size, comm.rank
    got = [np.empty_like(messages[r]) for _ in range(p)]
    got[r] = messages[r]
    for s in range(1, p):
        to, source = (r + s) % p, (r - s) % p
        comm.Sendrecv(messages[to], dest=to, recvbuf=got[source], source=source)
    return got


def to_all(message, sizes, comm):
    """Return every rank's message, in the order of ranks; sizes : of all, in bytes."""
    p, r = comm.size, comm.rank
    got = [np.empty(size, np.uint8) for size in sizes]
    got[r] = message
    for s in range(1, p):
        to, source = (r + s) % p, (r - s) % p
        comm.Sendrecv(message, dest=to, recvbuf=got[source], source=source)
    return got


def length(part):
    """Return how many elements a slice has."""
    return part.stop - part.start
