"""The pipelined chain: a vector in segments goes from rank to rank, all links busy at a time."""

import numpy as np

from dlpar.collectives.arguments import require_count, require_root, require_vector

SEGMENT = 32 * 1024  # bytes; below MPI's usual eager limit, above what alpha costs


def chain_broadcast(x, comm, root=0, segments=None):
    """Return root's `x` on every rank: each hands on a segment while it receives the next.

    Parameters
    ----------
    x : (n,) numeric array; same n and dtype on all p ranks, and only root's values count. Not
        modified.
    comm : communicator with `rank`, `size`, `Isend` and `Irecv` (mpi4py's names).
    root : the rank whose vector all get; the chain is root, root+1, ..., root-1.
    segments : k, how many pieces `x` is sent in; by default pieces of 32 KiB. Same on all ranks.

    Returns
    -------
    (n,) array of x's dtype, bit-identical on all ranks.

    Raises
    ------
    ValueError : `x` is no one-dimensional numeric array, `root` is no rank, or `segments` is no
        integer of at least 1. Raised before any message is sent.

    Cost: (p-1) alpha + (p-2+k)/k * n * itemsize * beta for p > 1: the start of a segment need not
        wait for the arrival of the one before   [alpha: s/message, beta: s/byte]
    Source: Sanders, Speck and Traeff, Parallel Computing 35 (2009), "linear pipeline".
    """
    require_vector(x, "chain_broadcast")
    require_root(root, comm, "chain_broadcast")
    k = default_segments(x.nbytes) if segments is None else segments
    require_count("segments", k, "chain_broadcast")
    p, r = comm.size, comm.rank
    v = (r - root) % p
    whole = x.copy()
    pieces = np.array_split(whole, k)
    # All receives are posted at once, so that no sender waits for its receiver.
    coming = [comm.Irecv(piece, source=(r - 1) % p) for piece in pieces] if v else []
    going = []
    for s, piece in enumerate(pieces):
        if v:
            coming[s].Wait()
        if v < p - 1:
            going.append(comm.Isend(piece, dest=(r + 1) % p))
    for request in going:
        request.Wait()
    return whole


def default_segments(nbytes):
    """Return how many segments of at most `SEGMENT` bytes hold `nbytes`; at least 1."""
    return max(1, -(-nbytes // SEGMENT))
