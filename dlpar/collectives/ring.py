"""The ring: cut the vector into p chunks, and let each link carry another chunk at each step.

Chunk c is `np.array_split(x, p)[c]`: ceil(n/p) elements for c < n mod p, floor(n/p) for the rest;
where n < p some are empty. Empty chunks travel too: all ranks send the same number of messages.
Rank r ends reduce-scatter with chunk r, and starts allgather with it, as in MPI.
"""

import numpy as np

from dlpar.collectives.arguments import require_chunk, require_vector


def ring_reduce_scatter(x, comm):
    """Return chunk r of the sum of every rank's `x`, on rank r.

    Parameters
    ----------
    x : (n,) numeric array; same n and dtype on all p ranks. Not modified.
    comm : communicator with `rank`, `size` and `Sendrecv` (mpi4py's names).

    Returns
    -------
    (ceil(n/p),) or (floor(n/p),) array of x's dtype: `np.array_split(total, p)[r]`.

    Raises
    ------
    ValueError : `x` is no one-dimensional numeric array. Raised before any message is sent.

    Cost: (p-1) alpha + (p-1)/p * n * itemsize * beta   [alpha: s/message, beta: s/byte]
    Source: Patarasuk & Yuan, JPDC 2009, section 3.
    """
    require_vector(x, "ring_reduce_scatter")
    p, r = comm.size, comm.rank
    left, right = (r - 1) % p, (r + 1) % p
    chunks = np.array_split(x, p)
    partial = chunks[left].copy()  # the longest way home starts first
    for s in range(p - 1):
        # After step s, `partial` is chunk r-s-2, summed over ranks r-s-1 .. r.
        mine = chunks[(r - s - 2) % p]
        inbox = np.empty_like(mine)
        comm.Sendrecv(partial, dest=right, recvbuf=inbox, source=left)
        inbox += mine
        partial = inbox
    return partial


def ring_allgather(x, comm, n=None):
    """Return the vector whose chunk r is rank r's `x`, on every rank.

    Parameters
    ----------
    x : numeric array, chunk r of a vector of `n` elements; same dtype on all p ranks. Not modified.
    comm : communicator with `rank`, `size` and `Sendrecv` (mpi4py's names).
    n : length of the whole vector; by default every rank's chunk has x's size.

    Returns
    -------
    (n,) array of x's dtype, bit-identical on all ranks.

    Raises
    ------
    ValueError : `x` is no one-dimensional numeric array, or not as long as chunk r of `n`
        elements. Raised before any message is sent.

    Cost: (p-1) alpha + (p-1)/p * n * itemsize * beta   [alpha: s/message, beta: s/byte]
    Source: Patarasuk & Yuan, JPDC 2009, section 3.
    """
    require_vector(x, "ring_allgather")
    p, r = comm.size, comm.rank
    left, right = (r - 1) % p, (r + 1) % p
    whole = np.empty_like(x, shape=p * x.size if n is None else n)
    chunks = np.array_split(whole, p)  # p views into `whole`
    require_chunk(x, r, chunks, "ring_allgather")
    chunks[r][:] = x
    for s in range(p - 1):  # hand on what came in the step before
        give, take = (r - s) % p, (r - s - 1) % p
        comm.Sendrecv(chunks[give], dest=right, recvbuf=chunks[take], source=left)
    return whole


def ring_allreduce(x, comm):
    """Return the sum of every rank's `x`, on every rank.

    Parameters
    ----------
    x : (n,) numeric array; same n and dtype on all p ranks. Not modified.
    comm : communicator with `rank`, `size` and `Sendrecv` (mpi4py's names).

    Returns
    -------
    (n,) array of x's dtype, bit-identical on all ranks: chunk c is added up once, in the order of
    ranks c+1, c+2, ..., c. (So it is not bit-identical to `np.sum`, which adds in another order.)

    Raises
    ------
    ValueError : `x` is no one-dimensional numeric array. Raised before any message is sent.

    Cost: 2(p-1) alpha + 2 (p-1)/p * n * itemsize * beta   [alpha: s/message, beta: s/byte]
    Source: Patarasuk & Yuan, JPDC 2009, section 3.
    """
    require_vector(x, "ring_allreduce")
    return ring_allgather(ring_reduce_scatter(x, comm), comm, x.size)
