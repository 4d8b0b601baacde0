"""1-bit Adam: learn each weight's scale in full, freeze it, and then send momentum in bits."""

import numpy as np

from dlpar.collectives import ring_allreduce
from dlpar.compress.one_bit_exchange import OneBitExchange
from dlpar.optim import Adam


class OneBitAdam(Adam):
    """An optimizer and, as its method `exchange`, an exchanger: hand over both, together.

    For `warm_up` steps it is Adam on full sums. Then v is frozen, each rank's part of the momentum,
    b1 m / p + (1 - b1) g, goes through a OneBitExchange, and w <- w - lr m / (sqrt(v) + eps): Adam
    is not linear in g, but with v frozen it is, and only then an error may be told later.
    Memory: Adam's, and the exchange's (`bits.state()`).
    Source: Tang et al., ICML 2021, algorithm 1.
    """

    def __init__(self, params, warm_up, bits=None, b1=0.9, b2=0.999, eps=1e-8):
        """Take the vector to change; send momentum by `bits`, a OneBitExchange() if None."""
        super().__init__(params, b1, b2, eps)
        if warm_up < 1:
            raise ValueError(f"v needs at least 1 step of warm-up, got {warm_up!r}")
        self.warm_up, self.bits = warm_up, OneBitExchange() if bits is None else bits

    def exchange(self, grads, comm):
        """Return what `step` needs: the sum of grads, or, after the warm-up, the new momentum."""
        if self.t < self.warm_up:
            return ring_allreduce(grads, comm)
        b1 = grads.dtype.type(self.b1)
        return self.bits(b1 * self.m / comm.size + (1 - b1) * grads, comm)

    def step(self, total, lr):
        """Move params by what `exchange` returned, (d,)."""
        if self.t < self.warm_up:
            super().step(total, lr)
            return
        self.t += 1
        self.m[:] = total
        scale = np.sqrt(self.v / (1 - self.b2**self.warm_up)) + self.eps
        self.params -= (lr * self.m / scale).astype(self.params.dtype)
