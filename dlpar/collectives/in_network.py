"""In-network reduction: the switch adds, so a vector goes up once and its sum comes down once.

The last rank plays the switch; the others, p of them, are hosts. On a flat `Network` the switch
would have one link for all; on a `Topology` make it a device on a link as fat as all hosts' links,
without latency, to the vertex where these meet.
"""

import numpy as np

from dlpar.collectives.arguments import require_count, require_vector

SEGMENT = 128 * 1024  # bytes; above MPI's usual eager limit: a piece waits for the one before


def in_network_allreduce(x, comm, segments=None):
    """Return the sum of the hosts' `x` on every host, and None on the switch, the last rank.

    Parameters
    ----------
    x : (n,) numeric array; same n and dtype on all ranks, and the switch's values do not count.
        Not modified.
    comm : communicator with `rank`, `size`, `Send`, `Recv`, `Sendrecv`, `Isend` and `Irecv`
        (mpi4py's names).
    segments : k, how many pieces `x` is sent in; by default pieces of 128 KiB. Same on all
        ranks.

    Returns
    -------
    (n,) array of x's dtype, bit-identical on all hosts: the sum in rank order.

    Raises
    ------
    ValueError : `x` is no one-dimensional numeric array, `segments` is no integer of at least 1, or
        there is no rank beside the switch. Raised before any message is sent.

    Cost: (k+1) (alpha + n/k * itemsize * beta) where pieces are above the eager limit: n bytes up
        and n down on each host's link, both ways at once
        [alpha: s/message, beta: s/byte, of a host's link to the switch]
    Source: Graham et al., SHARP, COMHPC 2016 (the tree of aggregating switches; here it has one).
    """
    require_vector(x, "in_network_allreduce")
    k = in_network_segments(x.nbytes) if segments is None else segments
    require_count("segments", k, "in_network_allreduce")
    if comm.size < 2:
        raise ValueError("in_network_allreduce needs a host beside the switch, got 1 rank")
    out = x.copy()
    pieces = np.array_split(out, k)
    if comm.rank == comm.size - 1:
        _aggregate(pieces, comm)
        return None
    switch = comm.size - 1
    comm.Send(pieces[0], dest=switch)
    for s in range(1, k):  # a piece goes up while the sum of the one before comes down
        comm.Sendrecv(pieces[s], dest=switch, recvbuf=pieces[s - 1], source=switch)
    comm.Recv(pieces[-1], source=switch)
    return out


def _aggregate(pieces, comm):
    """Be the switch: add up each piece over all hosts, and send the sum to all of them."""
    hosts = range(comm.size - 1)
    going = []
    for piece in pieces:
        inboxes = [np.empty_like(piece) for _ in hosts]
        for request in [comm.Irecv(inboxes[h], source=h) for h in hosts]:
            request.Wait()
        piece[:] = inboxes[0]
        for inbox in inboxes[1:]:
            piece += inbox
        going += [comm.Isend(piece, dest=h) for h in hosts]
    for request in going:
        request.Wait()


def in_network_segments(nbytes):
    """Return how many pieces of at most `SEGMENT` bytes hold `nbytes`; at least 1."""
    return max(1, -(-nbytes // SEGMENT))
