"""The declared network of a simulation: how long a message takes, and what it keeps busy."""

import math
from dataclasses import dataclass
from numbers import Real


@dataclass(frozen=True)
class Network:
    """Every rank has one full-duplex link to a switch without contention of its own.

    A message of n bytes occupies its sender's outgoing link for n * beta, reaches the receiver's
    incoming link alpha later, and occupies that for n * beta: alone it takes alpha + n * beta, and
    k messages to one rank share that rank's link (incast).

    Source: alpha and beta, Hockney 1994; overhead, Culler et al., LogP, PPoPP 1993.
    """

    alpha: float = 5e-6  # s per message
    beta: float = 1e-10  # s per byte: 10 GB/s
    overhead: float = 0.0  # s of the sender's own time per message; its clock moves on by this
    eager_limit: float = 64 * 1024  # bytes; a blocking Send above it waits for its receiver
    flops: float = 1e12  # FLOP/s of one rank, for work(comm, flops=...)

    def __post_init__(self):
        """Refuse what is no network."""
        for name in ("alpha", "beta", "overhead", "eager_limit", "flops"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real):
                raise TypeError(f"Network {name} must be a number, got {value!r}")
            if math.isnan(value) or value < 0:
                raise ValueError(f"Network {name} must be at least 0, got {value!r}")
        if not self.flops > 0:
            raise ValueError(f"Network flops must be above 0, got {self.flops!r}")
