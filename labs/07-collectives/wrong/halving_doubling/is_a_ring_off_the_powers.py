"""Halves where p is a power of two, and takes the ring elsewhere: no fold, more steps."""

import numpy as np

from dlpar.collectives import ring_allgather, ring_reduce_scatter

CAUGHT = r"p=5, n=9: rank 0 sent 8 messages, par is 4 and one for the fold"


def halving_doubling(x, comm):
    p, r = comm.size, comm.rank
    q = 1 << (p.bit_length() - 1)
    if p not in (q, 3):
        return ring_allgather(ring_reduce_scatter(x, comm), comm, x.size)
    total = x.copy()
    if r >= q:
        comm.Send(total, dest=r - q)
        comm.Recv(total, source=r - q)
        return total
    if r + q < p:
        inbox = np.empty_like(x)
        comm.Recv(inbox, source=r + q)
        total += inbox
    part, steps, d = total, [], q // 2
    while d:  # `part` is the same piece on both partners: each keeps the half on its own side
        lower, upper = part[: part.size // 2], part[part.size // 2 :]
        keep, give = (upper, lower) if r & d else (lower, upper)
        inbox = np.empty_like(keep)
        comm.Sendrecv(give, dest=r ^ d, recvbuf=inbox, source=r ^ d)
        keep += inbox
        steps.append((r ^ d, keep, give))
        part, d = keep, d // 2
    for partner, keep, give in reversed(steps):  # what was given away comes back finished
        comm.Sendrecv(keep, dest=partner, recvbuf=give, source=partner)
    if r + q < p:
        comm.Send(total, dest=r + q)
    return total
