"""The ring in segments: while one is added up, the next ones are on their way."""

from collections import deque

import numpy as np

from dlpar.collectives.arguments import require_count, require_vector
from dlpar.collectives.doubling import recursive_doubling_allreduce

SEGMENT = 1 << 20  # bytes: added up where it arrived, in the cache; above what a message costs
SMALL = 16 * 1024  # bytes; up to here steps cost more than bytes
AHEAD = 4  # receives that wait for their message, so that no sender waits for this rank


def pipelined_ring_allreduce(x, comm, segments=None, out=None):
    """Return the sum of every rank's `x`, on every rank: a ring whose chunks travel in segments.

    Each segment goes on as soon as it is added up, so the links never wait for the arithmetic, and
    alpha is paid once, not in every step. Up to 16 KiB, unless `segments` is given, it leaves the
    ring for `recursive_doubling_allreduce`, which has fewer steps.

    Parameters
    ----------
    x : (n,) numeric array; same n and dtype on all p ranks. Not modified, unless it is `out`.
    comm : communicator with `rank`, `size`, `Isend`, `Irecv`, `Send`, `Recv`, `Sendrecv`.
    segments : k, pieces of each of the p chunks; by default as few as have at most 1 MiB each. Same
        on all ranks.
    out : (n,) array of x's dtype for the sum, contiguous; may be `x` itself. By default a new one.

    Returns
    -------
    out, bit-identical on all ranks: chunk c is added up once, in the order of ranks c+1, ..., c.

    Raises
    ------
    ValueError : `x` is no one-dimensional numeric array, `segments` no integer of at least 1, or
        `out` not as above. Raised before any message is sent.

    Cost, with N = n * itemsize bytes, m = N/(pk): 2(p-1)k messages a rank, 2 (p-1)/p N bytes, and
        alpha + k m beta + (2p-3) max(k m beta, alpha + m beta); where the links are the bottleneck
        that is alpha + 2 (p-1)/p N beta.
        [alpha: s/message, beta: s/byte]
    Source: the ring as in ring.py; its segments are those of Open MPI's ring_segmented allreduce.
    """
    require_vector(x, "pipelined_ring_allreduce")
    if segments is not None:
        require_count("segments", segments, "pipelined_ring_allreduce")
    out = np.empty(x.shape, x.dtype) if out is None else out
    if not (isinstance(out, np.ndarray) and out.shape == x.shape and out.dtype == x.dtype):
        raise ValueError(f"pipelined_ring_allreduce needs out of shape {x.shape} and {x.dtype}")
    if not (out.flags.c_contiguous and out.flags.writeable):
        raise ValueError("pipelined_ring_allreduce needs out contiguous and writable")
    if segments is None and x.nbytes <= SMALL:
        out[:] = recursive_doubling_allreduce(x, comm)
        return out
    if out is not x:
        out[:] = x
    if comm.size > 1:
        _round_in_segments(out, comm, segments or -(-x.nbytes // (comm.size * SEGMENT)))
    return out


def _round_in_segments(x, comm, k):
    """Make `x` the sum of every rank's; p > 1."""
    p, r = comm.size, comm.rank
    pieces = [np.array_split(chunk, k) for chunk in np.array_split(x, p)]
    # In step t a rank gives chunk r-1-t and takes chunk r-2-t, which it gives in the step after.
    coming = [piece for t in range(2 * (p - 1)) for piece in pieces[(r - 2 - t) % p]]
    half = (p - 1) * k  # of them are partial sums to be added to, the others are finished
    ahead = min(AHEAD, p * k)
    inbox = np.empty((ahead, pieces[0][0].size), x.dtype)  # piece 0 of chunk 0 is the longest

    def receive(e):
        if e < half:
            room = inbox[e % ahead, : coming[e].size]
        else:
            room = coming[e]  # which this rank sent half of all pieces ago: it must have left
            sends[e - half].Wait()
        return room, comm.Irecv(room, source=(r - 1) % p)

    sends = [comm.Isend(piece, dest=(r + 1) % p) for piece in pieces[(r - 1) % p]]
    receives = deque(receive(e) for e in range(ahead))
    for e, piece in enumerate(coming):
        room, request = receives.popleft()
        request.Wait()
        if e < half:
            piece += room
        if e + k < 2 * half:
            sends.append(comm.Isend(piece, dest=(r + 1) % p))
        if e + ahead < 2 * half:
            receives.append(receive(e + ahead))
    for request in sends[half:]:
        request.Wait()
