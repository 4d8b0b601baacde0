"""Goes on adding on the way back, where the sums are finished."""

import numpy as np

CAUGHT = r"p=2, n=4: rank 0 returned"


def halving_doubling(x, comm):
    p, r = comm.size, comm.rank
    q = 1 << (p.bit_length() - 1)  # the largest power of two: the ranks from q on rest
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
        inbox = np.empty_like(give)
        comm.Sendrecv(keep, dest=partner, recvbuf=inbox, source=partner)
        give += inbox
    if r + q < p:
        comm.Send(total, dest=r + q)
    return total
