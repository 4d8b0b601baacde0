"""Recursive doubling: in each step, ranks twice as far apart swap all they know."""

import numpy as np

from dlpar.collectives.arguments import require_vector
from dlpar.collectives.folding import fold, rank_of, unfold


def recursive_doubling_allreduce(x, comm):
    """Return the sum of every rank's `x`, on every rank, in the fewest steps.

    Parameters
    ----------
    x : (n,) numeric array; same n and dtype on all p ranks. Not modified.
    comm : communicator with `rank`, `size`, `Send`, `Recv` and `Sendrecv` (mpi4py's names).

    Returns
    -------
    (n,) array of x's dtype, bit-identical on all ranks: of a pair, one computes a + b and the other
    b + a, which is the same to the bit also where it rounds (a NaN's payload apart).

    Raises
    ------
    ValueError : `x` is no one-dimensional numeric array. Raised before any message is sent.

    Cost: lg p (alpha + n * itemsize * beta) for a power of two; else lg q + 2 in the place of
        lg p, with q the next lower power of two   [alpha: s/message, beta: s/byte]
    Source: Thakur, Rabenseifner and Gropp, IJHPCA 2005, section 4.
    """
    require_vector(x, "recursive_doubling_allreduce")
    total = x.copy()
    v, q = fold(total, comm)
    if v is not None:
        inbox = np.empty_like(total)
        d = 1
        while d < q:  # `total` is the sum over the block of d ranks that v is in
            partner = rank_of(v ^ d, comm.size, q)
            comm.Sendrecv(total, dest=partner, recvbuf=inbox, source=partner)
            total += inbox
            d *= 2
    unfold(total, comm, q)
    return total
