"""All-to-all: every rank has something for each of the others."""

import numpy as np

from dlpar.collectives.arguments import require_vector


def pairwise_alltoall(x, comm):
    """Return chunk r of every rank's `x`, one after another in rank order, on rank r.

    Parameters
    ----------
    x : (n,) numeric array, whose chunk q, `np.array_split(x, p)[q]`, is for rank q; same n and
        dtype on all p ranks. Not modified.
    comm : communicator with `rank`, `size` and `Sendrecv` (mpi4py's names).

    Returns
    -------
    (p * m,) array of x's dtype, with m the size of chunk r.

    Raises
    ------
    ValueError : `x` is no one-dimensional numeric array. Raised before any message is sent.

    Cost: (p-1) alpha + (p-1)/p * n * itemsize * beta   [alpha: s/message, beta: s/byte]
    Source: Thakur, Rabenseifner and Gropp, IJHPCA 2005, section 4 (pairwise exchange).
    """
    require_vector(x, "pairwise_alltoall")
    p, r = comm.size, comm.rank
    chunks = [np.ascontiguousarray(chunk) for chunk in np.array_split(x, p)]
    got = np.empty((p, chunks[r].size), x.dtype)
    got[r] = chunks[r]
    for s in range(1, p):  # in step s all links are busy: r sends to r+s, hears from r-s
        to, source = (r + s) % p, (r - s) % p
        comm.Sendrecv(chunks[to], dest=to, recvbuf=got[source], source=source)
    return got.ravel()
