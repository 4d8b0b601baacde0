"""Swaps whole vectors: the fewest steps, and lg p times the bytes that are needed."""

import numpy as np

CAUGHT = r"p=4, n=8: all ranks together sent 512 bytes, par is 384"


def halving_doubling(x, comm):
    p, r = comm.size, comm.rank
    q = 1 << (p.bit_length() - 1)
    total, inbox = x.copy(), np.empty_like(x)
    if r >= q:
        comm.Send(total, dest=r - q)
        comm.Recv(total, source=r - q)
        return total
    if r + q < p:
        comm.Recv(inbox, source=r + q)
        total += inbox
    d = q // 2
    while d:
        comm.Sendrecv(total, dest=r ^ d, recvbuf=inbox, source=r ^ d)
        total += inbox
        d //= 2
    if r + q < p:
        comm.Send(total, dest=r + q)
    return total
