"""Exchangers that send less: called with (grads, comm), they return the sum over ranks, (n,).

Each object belongs to one rank and one vector: it holds that rank's residuals. All ranks construct
it alike (only dice differ). What a code refuses raises before this rank's first message.
"""

import numpy as np

from dlpar.collectives import ring_allgather
from dlpar.collectives.chunks import even_slices
from dlpar.compress.feedback import tell
from dlpar.compress.routes import from_all, length, to_all
from dlpar.compress.signs import Sign


class GatherExchange:
    """Every rank's message goes to all, and everyone adds up what the p of them tell.

    For codes whose messages cannot be added, as sparse ones with different indices. Bytes that a
    rank sends: (p - 1) nbytes(n): they grow with p, unlike an allreduce's.
    All ranks hold the same bits afterwards. Memory: `residual` (n,), if there is feedback.
    """

    def __init__(self, code, feedback=True):
        """Send messages of `code`, with error feedback or without."""
        self.code, self.feedback, self.residual = code, feedback, None

    def __call__(self, grads, comm):
        """Return the sum of what all ranks told, (n,)."""
        if self.residual is None:
            self.residual = np.zeros_like(grads)
        message, residual = tell(self.code, grads, self.residual)
        if self.feedback:
            self.residual = residual
        return _sum_of_messages(ring_allgather(message, comm), self.code, grads, comm.size)

    def state(self):
        """Return {"residual": (n,)}, or nothing before the first call."""
        return {} if self.residual is None else {"residual": self.residual.copy()}

    def restore(self, *states):
        """Go on from this rank's state; with those of ranks that left: their residuals are added.

        Nothing is lost whatever the new number of ranks, as long as each state goes to one rank.
        """
        kept = [np.asarray(state["residual"]) for state in states if "residual" in state]
        self.residual = sum(kept[1:], start=kept[0].copy()) if kept else None


def _sum_of_messages(messages, code, like, p):
    total = np.zeros_like(like)
    for message in np.split(messages, p):
        total += code.decode(message)
    return total


class MajorityVote:
    """signSGD: each rank votes with one bit an element; all get the sign of the majority, +1 or -1.

    The result is a direction, no sum: the learning rate is the step's size. A tie is +1, as 0 is.
    Owners count the votes of their share. Bytes: about n/4 a rank; no memory.
    Source: Bernstein et al., ICLR 2019, algorithm 1.
    """

    def __call__(self, grads, comm):
        """Return the majority's signs, (n,) of +1 and -1."""
        code, p = Sign(scaled=False), comm.size
        shares = even_slices(grads.size, p)
        ballots = [code.encode(grads[share]) for share in shares]
        votes = sum(code.decode(ballot) for ballot in from_all(ballots, comm))
        sizes = [code.nbytes(length(share)) for share in shares]
        answers = to_all(code.encode(votes.astype(grads.dtype)), sizes, comm)
        return np.concatenate([code.decode(answer) for answer in answers])


def majority_bytes(n, p):
    """Return the bytes that each of p ranks sends for one vote over n elements, a list."""
    sizes = [Sign(scaled=False).nbytes(length(share)) for share in even_slices(n, p)]
    return [sum(sizes) - own + (p - 1) * own for own in sizes]


class RingExchange:
    """The ring with rounded numbers: every partial sum is rounded before it goes on.

    Legitimate where a rounded sum is as good as a rounded number: 16 bits, and with more error
    8. For bits it is not: a sum of signs is no sign, and each hop would round anew. A sum is
    rounded p times, once for each hop of the reduction and once at home. Bytes: `ring_bytes`.
    """

    def __init__(self, code):
        """Send chunks in `code`, as Half() or FP8()."""
        self.code = code

    def __call__(self, grads, comm):
        """Return the sum, (n,), the same bits on all ranks."""
        p, r, code = comm.size, comm.rank, self.code
        left, right = (r - 1) % p, (r + 1) % p
        chunks = np.array_split(grads, p)
        partial = chunks[left]
        for s in range(p - 1):  # after it `partial` is chunk r-s-2, summed over ranks r-s-1 .. r
            mine = chunks[(r - s - 2) % p]
            inbox = np.empty(code.nbytes(mine.size), np.uint8)
            comm.Sendrecv(code.encode(partial), dest=right, recvbuf=inbox, source=left)
            partial = code.decode(inbox) + mine
        sizes = [code.nbytes(chunk.size) for chunk in chunks]
        return np.concatenate([code.decode(m) for m in to_all(code.encode(partial), sizes, comm)])


def ring_bytes(n, p, code):
    """Return the bytes that each of p ranks sends for `RingExchange(code)`, a list."""
    sizes = [code.nbytes(length(share)) for share in even_slices(n, p)]
    travels = [sum(sizes) - sizes[r] for r in range(p)]  # every chunk but its own
    return [out + (p - 1) * own for out, own in zip(travels, sizes, strict=True)]
