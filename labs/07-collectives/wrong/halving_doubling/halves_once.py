"""Halves for the first partner only, and doubles whole pieces with the others."""

import numpy as np

CAUGHT = r"p=8, n=4000: all ranks together sent 512000 bytes, par is 448000"


def halving_doubling(x, comm):
    p, r = comm.size, comm.rank
    q = 1 << (p.bit_length() - 1)
    total = x.copy()
    if r >= q:
        comm.Send(total, dest=r - q)
        comm.Recv(total, source=r - q)
        return total
    if r + q < p:
        inbox = np.empty_like(x)
        comm.Recv(inbox, source=r + q)
        total += inbox
    keep, give, d = total, total[:0], q // 2
    if d:
        lower, upper = total[: x.size // 2], total[x.size // 2 :]
        keep, give = (upper, lower) if r & d else (lower, upper)
        inbox = np.empty_like(keep)
        comm.Sendrecv(give, dest=r ^ d, recvbuf=inbox, source=r ^ d)
        keep += inbox
    for bit in (1 << k for k in range(d.bit_length() - 1)):
        inbox = np.empty_like(keep)
        comm.Sendrecv(keep, dest=r ^ bit, recvbuf=inbox, source=r ^ bit)
        keep += inbox
    if d:
        comm.Sendrecv(keep, dest=r ^ d, recvbuf=give, source=r ^ d)
    if r + q < p:
        comm.Send(total, dest=r + q)
    return total
