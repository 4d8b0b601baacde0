"""Rabenseifner's allreduce: recursive halving, then recursive doubling of what is finished."""

import numpy as np

from dlpar.collectives.arguments import require_vector
from dlpar.collectives.folding import fold, rank_of, unfold


def rabenseifner_allreduce(x, comm):
    """Return the sum of every rank's `x`, on every rank: the ring's bytes in 2 lg p steps.

    Parameters
    ----------
    x : (n,) numeric array; same n and dtype on all p ranks. Not modified.
    comm : communicator with `rank`, `size`, `Send`, `Recv` and `Sendrecv` (mpi4py's names).

    Returns
    -------
    (n,) array of x's dtype, bit-identical on all ranks: each chunk is added up on one rank.

    Raises
    ------
    ValueError : `x` is no one-dimensional numeric array. Raised before any message is sent.

    Cost: 2 lg p alpha + 2 (p-1)/p * n * itemsize * beta for a power of two; else the same with the
        next lower power of two, and 2 (alpha + n * itemsize * beta) for the fold
        [alpha: s/message, beta: s/byte]
    Source: Thakur, Rabenseifner and Gropp, IJHPCA 2005, section 4 (after Rabenseifner 1997).
    """
    require_vector(x, "rabenseifner_allreduce")
    total = x.copy()
    v, q = fold(total, comm)
    if v is not None:
        _halve_and_double(total, comm, v, q)
    unfold(total, comm, q)
    return total


def _halve_and_double(total, comm, v, q):
    """Sum `total` over the q ranks that go on, in place."""
    bounds = [0, *np.cumsum([chunk.size for chunk in np.array_split(total, q)])]
    inbox = np.empty_like(total[: bounds[(q + 1) // 2]])  # the first half is the longest part
    lo, hi = 0, q  # chunks lo .. hi-1 are still this rank's business
    steps = []  # (partner, what is kept, what is given away)
    d = q // 2
    while d:  # `total`'s chunks lo .. hi-1 are sums over the ranks that have the bits of v below 2d
        mid = (lo + hi) // 2
        lower, upper = total[bounds[lo] : bounds[mid]], total[bounds[mid] : bounds[hi]]
        keep, give = (upper, lower) if v & d else (lower, upper)
        lo, hi = (mid, hi) if v & d else (lo, mid)
        partner = rank_of(v ^ d, comm.size, q)
        got = inbox[: keep.size]
        comm.Sendrecv(give, dest=partner, recvbuf=got, source=partner)
        keep += got
        steps.append((partner, keep, give))
        d //= 2
    for partner, keep, give in reversed(steps):  # the same pairs: what was given comes back done
        comm.Sendrecv(keep, dest=partner, recvbuf=give, source=partner)
