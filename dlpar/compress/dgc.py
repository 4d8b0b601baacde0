"""Deep gradient compression: momentum on each rank, and of it only the largest entries travel."""

import numpy as np

from dlpar.collectives import ring_allgather
from dlpar.compress.sparse import TopK, count_kept, largest, top_k_bytes

WARM_UP = (0.25, 0.0625, 0.015625, 0.004)  # shares sent in the first epochs, then 0.001


def warm_up_share(step, steps_per_epoch, share=0.001):
    """Return the share that is sent at `step`: a quarter in the first epoch, and fewer each epoch.

    Source: Lin et al., ICLR 2018, section 3.4 (sparsity 75 %, 93.75 %, ..., 99.9 %).
    """
    epoch = step // steps_per_epoch
    return max(share, WARM_UP[epoch]) if epoch < len(WARM_UP) else share


def clipped(g, threshold, p):
    """Return g, or g shortened to length threshold / sqrt(p): p of them add up to `threshold`.

    (Independent ones do, by the root of the sum of squares.) Source: Lin et al., section 3.1.
    """
    bound, norm = threshold / np.sqrt(p), np.linalg.norm(g)
    return g * g.dtype.type(bound / norm) if norm > bound else g


class DGC:
    """An exchanger that holds momentum: let plain SGD follow it. Memory: `u`, `v`, `calls`.

    u <- mu u + g (local momentum); v <- v + u (what is not yet told); the largest entries of v are
    sent, and set to 0 in v, and in u (momentum masking: an entry's old momentum is not told twice).
    Bytes that a rank sends: (p - 1) top_k_bytes. NaN and infinity are refused.
    Source: Lin, Han, Mao, Wang & Dally, ICLR 2018, algorithm 2.
    """

    def __init__(self, share=0.001, mu=0.9, clip=None):
        """Send a `share` of the entries, a number or a function of the call's number 0, 1, ...

        mu : momentum, 0 <= mu < 1.  clip : length of the whole gradient, or None.
        """
        if not 0 <= mu < 1:
            raise ValueError(f"mu must lie in [0, 1), got {mu!r}")
        self.share = share if callable(share) else lambda step: share
        self.mu, self.clip, self.calls = mu, clip, 0
        self.u = self.v = None

    def __call__(self, grads, comm):
        """Return the sum of what all ranks told, (n,)."""
        if self.u is None:
            self.u, self.v = np.zeros_like(grads), np.zeros_like(grads)
        g = grads if self.clip is None else clipped(grads, self.clip, comm.size)
        u = grads.dtype.type(self.mu) * self.u + g
        v = self.v + u
        code = TopK(self.share(self.calls))
        message = code.encode(v)  # raises before anything is changed
        told = largest(v, count_kept(v.size, code.share))
        u[told] = v[told] = 0
        self.u, self.v, self.calls = u, v, self.calls + 1
        total = np.zeros_like(grads)
        for part in np.split(ring_allgather(message, comm), comm.size):
            total += code.decode(part)
        return total

    def nbytes(self, n, p, itemsize=4):
        """Return the bytes that a rank of p will send in the next call."""
        return (p - 1) * top_k_bytes(n, self.share(self.calls), itemsize)

    def state(self):
        """Return {"u": (n,), "v": (n,), "calls": ()}, copies."""
        arrays = {} if self.u is None else {"u": np.array(self.u), "v": np.array(self.v)}
        return arrays | {"calls": np.array(self.calls)}

    def restore(self, *states):
        """Go on from this rank's state; what ranks that left had not told is added."""
        kept = [state for state in states if "u" in state]
        self.calls = max((int(state["calls"]) for state in states), default=0)
        self.u = self.v = None
        for state in kept:
            self.u = state["u"] + (0 if self.u is None else self.u)
            self.v = state["v"] + (0 if self.v is None else self.v)
