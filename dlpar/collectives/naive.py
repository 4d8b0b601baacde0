"""Two allreduces that anybody would write first, and that do not scale: whole vectors travel."""

import numpy as np

from dlpar.collectives.arguments import require_root, require_vector


def pass_around_allreduce(x, comm):
    """Return the sum of every rank's `x`: each vector goes round the ring, whole, past all ranks.

    Parameters
    ----------
    x : (n,) numeric array; same n and dtype on all p ranks. Not modified.
    comm : communicator with `rank`, `size` and `Sendrecv` (mpi4py's names).

    Returns
    -------
    (n,) array of x's dtype. Each rank adds in an order of its own, so the ranks' floating-point
    sums may differ in the last bits.

    Raises
    ------
    ValueError : `x` is no one-dimensional numeric array. Raised before any message is sent.

    Cost: (p-1) (alpha + n * itemsize * beta)   [alpha: s/message, beta: s/byte]
    """
    require_vector(x, "pass_around_allreduce")
    p, r = comm.size, comm.rank
    left, right = (r - 1) % p, (r + 1) % p
    total, passing, inbox = x.copy(), x.copy(), np.empty_like(x)
    for _ in range(p - 1):
        comm.Sendrecv(passing, dest=right, recvbuf=inbox, source=left)
        total += inbox
        passing, inbox = inbox, passing  # what came goes on to the right
    return total


def root_allreduce(x, comm, root=0):
    """Return the sum of every rank's `x`: `root` collects all, adds, and sends the sum to each.

    Parameters
    ----------
    x : (n,) numeric array; same n and dtype on all p ranks. Not modified.
    comm : communicator with `rank`, `size`, `Send` and `Recv` (mpi4py's names).
    root : the rank that adds.

    Returns
    -------
    (n,) array of x's dtype, bit-identical on all ranks: the sum in rank order after root's own.

    Raises
    ------
    ValueError : `x` is no one-dimensional numeric array, or `root` is no rank. Raised before any
        message is sent.

    Cost: p-1 whole vectors through root's link, in and then out: at least
        2 alpha + 2(p-1) n * itemsize * beta   [alpha: s/message, beta: s/byte]
    """
    require_vector(x, "root_allreduce")
    require_root(root, comm, "root_allreduce")
    total = x.copy()
    if comm.rank != root:
        comm.Send(total, dest=root)
        comm.Recv(total, source=root)
        return total
    others = [rank for rank in range(comm.size) if rank != root]
    inbox = np.empty_like(total)
    for rank in others:
        comm.Recv(inbox, source=rank)
        total += inbox
    for rank in others:
        comm.Send(total, dest=rank)
    return total
