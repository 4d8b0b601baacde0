"""Recursive halving and doubling: ranks exchange half of their part, then a quarter, ...; and back.

Of p ranks, q go on after the fold (folding.py), v = 0 .. q-1. The vector is cut into q blocks;
halving leaves block v, summed, on rank v, and doubling starts from there.
"""

import numpy as np

from dlpar.collectives.arguments import require_chunk, require_vector
from dlpar.collectives.folding import fold, lower_power, rank_of, unfold


def recursive_halving_reduce_scatter(x, comm):
    """Return chunk r of the sum of every rank's `x`, on rank r: the ring's bytes in lg p steps.

    Parameters
    ----------
    x : (n,) numeric array; same n and dtype on all p ranks. Not modified.
    comm : communicator with `rank`, `size`, `Send`, `Recv` and `Sendrecv` (mpi4py's names).

    Returns
    -------
    (ceil(n/p),) or (floor(n/p),) array of x's dtype: `np.array_split(total, p)[r]`.

    Raises
    ------
    ValueError : `x` is no one-dimensional numeric array. Raised before any message is sent.

    Cost: lg p alpha + (p-1)/p * n * itemsize * beta for a power of two; else about the same with
        the next lower power of two, a whole vector before it and a chunk after it
        [alpha: s/message, beta: s/byte]
    Source: Thakur, Rabenseifner and Gropp, IJHPCA 2005, section 4.
    """
    require_vector(x, "recursive_halving_reduce_scatter")
    total = x.copy()
    v, q = fold(total, comm)
    if v is not None:
        halve(total, folded_bounds(x.size, comm.size), comm, v, q)
    chunks = np.array_split(total, comm.size)
    r, rest = comm.rank, comm.size - q
    if r < 2 * rest and r % 2 == 0:
        comm.Recv(chunks[r], source=r + 1)
    elif r < 2 * rest:
        comm.Send(chunks[r - 1], dest=r - 1)
    return chunks[r].copy()


def recursive_doubling_allgather(x, comm, n=None):
    """Return the vector whose chunk r is rank r's `x`, on every rank: the ring's bytes, lg p steps.

    Parameters
    ----------
    x : numeric array, chunk r of a vector of `n` elements; same dtype on all p ranks. Not modified.
    comm : communicator with `rank`, `size`, `Send`, `Recv` and `Sendrecv` (mpi4py's names).
    n : length of the whole vector; by default every rank's chunk has x's size.

    Returns
    -------
    (n,) array of x's dtype, bit-identical on all ranks.

    Raises
    ------
    ValueError : `x` is no one-dimensional numeric array, or not as long as chunk r of `n`
        elements. Raised before any message is sent.

    Cost: lg p alpha + (p-1)/p * n * itemsize * beta for a power of two; else about the same with
        the next lower power of two, a chunk before it and a whole vector after it
        [alpha: s/message, beta: s/byte]
    Source: Thakur, Rabenseifner and Gropp, IJHPCA 2005, section 4.
    """
    require_vector(x, "recursive_doubling_allgather")
    p, r = comm.size, comm.rank
    whole = np.empty(p * x.size if n is None else n, x.dtype)
    chunks = np.array_split(whole, p)  # p views into `whole`
    require_chunk(x, r, chunks, "recursive_doubling_allgather")
    chunks[r][:] = x
    q = lower_power(p)
    rest = p - q
    if r < 2 * rest and r % 2 == 0:
        comm.Send(chunks[r], dest=r + 1)
    else:
        if r < 2 * rest:
            comm.Recv(chunks[r - 1], source=r - 1)
        double(whole, folded_bounds(whole.size, p), comm, max(r // 2, r - rest), q)
    unfold(whole, comm, q)
    return whole


def folded_bounds(n, p):
    """Return where the q blocks of `n` elements begin, and n: block v is all chunks of rank v.

    A rank that goes on for two has the chunks of both, which are neighbours.
    """
    q = lower_power(p)
    chunk_ends = np.cumsum([0, *_chunk_sizes(n, p)])
    return [0, *(chunk_ends[rank_of(v, p, q) + 1] for v in range(q))]


def even_bounds(n, q):
    """Return where the q chunks of `n` elements begin, and n."""
    return [0, *np.cumsum(_chunk_sizes(n, q))]


def halve(total, bounds, comm, v, q):
    """Sum block v of `total` over the q ranks that go on, in place; what it gives away is left so.

    bounds : (q + 1,) where the blocks begin, and the end.
    """
    longest = max(bounds[(q + 1) // 2], bounds[q] - bounds[q // 2])  # of the two halves
    inbox = np.empty_like(total[:longest])
    lo, hi = 0, q  # blocks lo .. hi-1 are still this rank's business
    d = q // 2
    while d:  # they are sums over the ranks that have the bits of v below 2d
        mid = (lo + hi) // 2
        keep, give = ((mid, hi), (lo, mid)) if v & d else ((lo, mid), (mid, hi))
        kept, given = (total[bounds[a] : bounds[b]] for a, b in (keep, give))
        partner = rank_of(v ^ d, comm.size, q)
        got = inbox[: kept.size]
        comm.Sendrecv(given, dest=partner, recvbuf=got, source=partner)
        kept += got
        lo, hi = keep
        d //= 2


def double(whole, bounds, comm, v, q):
    """Bring every block of `whole` to the q ranks that go on, in place; rank v has block v.

    bounds : (q + 1,) where the blocks begin, and the end.
    """
    d = 1
    while d < q:  # rank v has the d blocks whose numbers agree with v above the bits of d-1
        mine = v & -d  # the first of them
        theirs = mine ^ d
        have, lack = (whole[bounds[b] : bounds[b + d]] for b in (mine, theirs))
        partner = rank_of(v ^ d, comm.size, q)
        comm.Sendrecv(have, dest=partner, recvbuf=lack, source=partner)
        d *= 2


def _chunk_sizes(n, p):
    """Return the sizes of `np.array_split`'s p chunks of n elements."""
    return [n // p + (c < n % p) for c in range(p)]
