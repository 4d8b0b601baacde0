"""When does a scheme pay? The time to a loss over a link, and the link on which two are equal."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Scheme:
    """What it takes to reach a loss by one way of exchanging gradients."""

    updates: int  # to the loss; counted in a run
    nbytes: float  # that a rank's link carries for one update, one way
    messages: float = 0.0  # latencies of an exchange that come one after another
    codec: float = 0.0  # s that a rank encodes and decodes in one update

    def __post_init__(self):
        """Refuse a scheme that takes less than nothing."""
        if self.updates < 1 or min(self.nbytes, self.messages, self.codec) < 0:
            raise ValueError(f"a scheme needs updates above 0 and no cost below 0: {self}")

    def fixed(self, compute, alpha):
        """Return the seconds to the loss that no link can shorten.

        compute : s of a rank's forward and backward pass, of one update.  alpha : s a message.
        """
        return self.updates * (compute + self.codec + self.messages * alpha)

    def seconds(self, compute, alpha, bandwidth):
        """Return the seconds to the loss over a link of `bandwidth` B/s; nothing overlaps."""
        return self.fixed(compute, alpha) + self.updates * self.nbytes / bandwidth


def break_even(scheme, other, compute, alpha=0.0):
    """Return the bandwidth, B/s, at which `scheme`, which sends less, takes as long as `other`.

    On slower links `scheme` is sooner at the loss, on faster ones `other`: with U updates of n
    bytes each and F seconds that do not depend on the link,

        B = (U' n' - U n) / (F - F').

    math.inf if `scheme` wins on every link. Raises ValueError if it sends no fewer bytes in all.
    """
    fewer = other.updates * other.nbytes - scheme.updates * scheme.nbytes
    if fewer <= 0:
        raise ValueError("the first scheme must send fewer bytes than the other, in all updates")
    longer = scheme.fixed(compute, alpha) - other.fixed(compute, alpha)
    return fewer / longer if longer > 0 else math.inf
