"""Pairs up as if p were a power of two: some partners are not there."""

import numpy as np

CAUGHT = r"p=3, n=4: (your code raised|deadlock)"


def halving_doubling(x, comm):
    p, r = comm.size, comm.rank
    total = x.copy()
    part, steps, d = total, [], (1 << (p - 1).bit_length()) // 2
    while d:
        lower, upper = part[: part.size // 2], part[part.size // 2 :]
        keep, give = (upper, lower) if r & d else (lower, upper)
        inbox = np.empty_like(keep)
        comm.Sendrecv(give, dest=r ^ d, recvbuf=inbox, source=r ^ d)
        keep += inbox
        steps.append((r ^ d, keep, give))
        part, d = keep, d // 2
    for partner, keep, give in reversed(steps):
        comm.Sendrecv(keep, dest=partner, recvbuf=give, source=partner)
    return total
