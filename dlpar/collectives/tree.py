"""The binomial tree: the ranks that hold a vector double in each step, or halve in each step.

Ranks are counted from the root, v = (r - root) mod p. The parent of v is v with its lowest set bit
cleared, so the root has ceil(lg p) children, and half of the ranks are leaves.
"""

import numpy as np

from dlpar.collectives.arguments import require_root, require_vector


def tree_reduce(x, comm, root=0):
    """Return the sum of every rank's `x` on `root`, and None on the other ranks.

    Parameters
    ----------
    x : (n,) numeric array; same n and dtype on all p ranks. Not modified.
    comm : communicator with `rank`, `size`, `Send` and `Recv` (mpi4py's names).
    root : the rank that gets the sum.

    Returns
    -------
    (n,) array of x's dtype on `root`, None elsewhere.

    Raises
    ------
    ValueError : `x` is no one-dimensional numeric array, or `root` is no rank. Raised before any
        message is sent.

    Cost: ceil(lg p) (alpha + n * itemsize * beta) at most   [alpha: s/message, beta: s/byte]
    Source: Thakur, Rabenseifner and Gropp, IJHPCA 2005, section 4.
    """
    require_vector(x, "tree_reduce")
    require_root(root, comm, "tree_reduce")
    p = comm.size
    v = (comm.rank - root) % p
    total, inbox = x.copy(), np.empty_like(x)
    bit = 1
    while bit < p:  # `total` is the sum over v .. v+bit-1
        if v & bit:
            comm.Send(total, dest=(v - bit + root) % p)
            return None
        if v + bit < p:
            comm.Recv(inbox, source=(v + bit + root) % p)
            total += inbox
        bit *= 2
    return total


def tree_broadcast(x, comm, root=0):
    """Return root's `x` on every rank.

    Parameters
    ----------
    x : (n,) numeric array; same n and dtype on all p ranks, and only root's values count. Not
        modified.
    comm : communicator with `rank`, `size`, `Send` and `Recv` (mpi4py's names).
    root : the rank whose vector all get.

    Returns
    -------
    (n,) array of x's dtype, bit-identical on all ranks.

    Raises
    ------
    ValueError : `x` is no one-dimensional numeric array, or `root` is no rank. Raised before any
        message is sent.

    Cost: ceil(lg p) (alpha + n * itemsize * beta) at most   [alpha: s/message, beta: s/byte]
    Source: Thakur, Rabenseifner and Gropp, IJHPCA 2005, section 4.
    """
    require_vector(x, "tree_broadcast")
    require_root(root, comm, "tree_broadcast")
    p = comm.size
    v = (comm.rank - root) % p
    whole = x.copy()
    bit = 1
    while bit < p and not v & bit:
        bit *= 2
    if v:  # `bit` is now the lowest set bit of v; for the root, the first power of two from p on
        comm.Recv(whole, source=(v - bit + root) % p)
    while bit > 1:  # the largest subtree first: it has the longest way to go
        bit //= 2
        if v + bit < p:
            comm.Send(whole, dest=(v + bit + root) % p)
    return whole


def tree_allreduce(x, comm, root=0):
    """Return the sum of every rank's `x`, on every rank: up a binomial tree, and down again.

    Parameters
    ----------
    x : (n,) numeric array; same n and dtype on all p ranks. Not modified.
    comm : communicator with `rank`, `size`, `Send` and `Recv` (mpi4py's names).
    root : the rank at the root of the tree.

    Returns
    -------
    (n,) array of x's dtype, bit-identical on all ranks.

    Raises
    ------
    ValueError : `x` is no one-dimensional numeric array, or `root` is no rank. Raised before any
        message is sent.

    Cost: 2 ceil(lg p) (alpha + n * itemsize * beta) at most  [alpha: s/message, beta: s/byte]
    Source: Thakur, Rabenseifner and Gropp, IJHPCA 2005, section 4.
    """
    require_vector(x, "tree_allreduce")
    require_root(root, comm, "tree_allreduce")
    total = tree_reduce(x, comm, root)
    return tree_broadcast(x if total is None else total, comm, root)
