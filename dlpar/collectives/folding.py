"""The fold: from any number of ranks to the next lower power of two, and back.

With p = q + rest, q the power of two, the first 2 * rest ranks make pairs: the even one gives its
vector to the odd one and rests. The q ranks that go on are numbered v = 0 .. q-1 in rank order.
Source: Thakur, Rabenseifner and Gropp, IJHPCA 2005, section 4.
"""

import numpy as np


def lower_power(p):
    """Return q, the largest power of two not above p."""
    return 1 << (p.bit_length() - 1)


def fold(total, comm):
    """Add each resting rank's `total` to its neighbour's, in place; return (v, q).

    v is None on a rank that rests until `unfold`; q is the number of ranks that go on.
    """
    p, r = comm.size, comm.rank
    q = lower_power(p)
    rest = p - q
    if r >= 2 * rest:
        return r - rest, q
    if r % 2 == 0:
        comm.Send(total, dest=r + 1)
        return None, q
    inbox = np.empty_like(total)
    comm.Recv(inbox, source=r - 1)
    total += inbox
    return r // 2, q


def rank_of(v, p, q):
    """Return the rank whose number among the q that go on is `v`."""
    rest = p - q
    return 2 * v + 1 if v < rest else v + rest


def unfold(total, comm, q):
    """Give the result back to the ranks that rested, in place."""
    r, rest = comm.rank, comm.size - q
    if r < 2 * rest:
        if r % 2 == 0:
            comm.Recv(total, source=r + 1)
        else:
            comm.Send(total, dest=r - 1)
