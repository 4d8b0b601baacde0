"""Rabenseifner's allreduce: recursive halving, then recursive doubling of what is finished."""

from dlpar.collectives.arguments import require_vector
from dlpar.collectives.folding import fold, unfold
from dlpar.collectives.halving import double, even_bounds, halve


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
        bounds = even_bounds(x.size, q)
        halve(total, bounds, comm, v, q)
        double(total, bounds, comm, v, q)
    unfold(total, comm, q)
    return total
