"""All ranks that rest give their vectors to rank 0, one after another."""

import numpy as np

CAUGHT = r"p=6, n=2000: rank 0 sent 6 messages, par is 4 and one for the fold"


def halving_doubling(x, comm):
    p, r = comm.size, comm.rank
    q = 1 << (p.bit_length() - 1)  # the largest power of two: the ranks from q on rest
    total = x.copy()
    if r >= q:
        comm.Send(total, dest=0)
        comm.Recv(total, source=0)
        return total
    for rest in range(q, p) if r == 0 else ():
        inbox = np.empty_like(x)
        comm.Recv(inbox, source=rest)
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
    for rest in range(q, p) if r == 0 else ():
        comm.Send(total, dest=rest)
    return total
